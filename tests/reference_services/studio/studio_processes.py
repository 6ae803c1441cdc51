"""A studio and render workers as processes of their own, on one Valkey and one results folder."""

import importlib.util
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, block_ns, monotonic_ns
from tests.servers import free_port, running_service

needs_manim = [
    pytest.mark.render,
    pytest.mark.skipif(importlib.util.find_spec("manim") is None, reason="Manim is not installed"),
]

TITLE = {"scene": "title_card", "parameters": {"text": "Hello"}, "quality": "draft"}


class Platform:
    """What a test needs to know to ask the studio, and to start workers beside it."""

    def __init__(self, valkey: str, folder: Path) -> None:
        self.valkey = valkey
        self.results = folder / "results"
        self.logs = folder
        self.queue = uuid4().hex
        self.studio_port = free_port()
        self.studio = f"http://127.0.0.1:{self.studio_port}"

    @contextmanager
    def running_studio(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the studio for as long as the ``with`` lasts."""
        environment = self._environment("STUDIO", self.studio_port)
        log = self.logs / "studio.log"
        with running_service(
            "reference_services.studio", environment, self.studio_port, log=log
        ) as process:
            yield process

    @contextmanager
    def running_worker(self, **settings: object) -> Iterator["Worker"]:
        """Run a render worker; ``settings`` are its own, in lower case."""
        port = free_port()
        environment = self._environment("RENDER_WORKER", port)
        environment |= {f"RENDER_WORKER_{name.upper()}": str(v) for name, v in settings.items()}
        log = self.logs / f"render_worker-{port}.log"
        with running_service(
            "reference_services.render_worker", environment, port, log=log
        ) as process:
            yield Worker(process, port)

    def _environment(self, prefix: str, port: int) -> dict[str, str]:
        return {
            f"{prefix}_PORT": str(port),
            f"{prefix}_CACHE_URL": self.valkey,
            f"{prefix}_QUEUE": self.queue,
            f"{prefix}_RESULTS_DIR": str(self.results),
        }

    def submit(self, order: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """Submit an order; ``headers`` are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(f"{self.studio}/jobs", json=order or TITLE, headers=named)

    def job(self, job_id: str) -> dict[str, Any]:
        """Return what the studio says of a job."""
        answer = httpx.get(f"{self.studio}/jobs/{job_id}")
        answer.raise_for_status()
        return dict(answer.json())

    def events(self, job_id: str, **headers: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Follow a job by server-sent events."""
        address = f"{self.studio}/jobs/{job_id}/events"
        with httpx.stream("GET", address, headers=headers, timeout=60) as answer:
            answer.raise_for_status()
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            event = ""
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    yield event, json.loads(value)

    def end(self, job_id: str) -> dict[str, Any]:
        """Return what the studio says of a job once it has ended."""
        for _ in self.events(job_id):
            pass
        return self.job(job_id)

    def until_state(self, job_id: str, state: str, seconds: int = 30) -> dict[str, Any]:
        """Return what the studio says of a job once it is in ``state``."""
        deadline_ns = monotonic_ns() + seconds * NS_PER_S
        while (job := self.job(job_id))["state"] != state:
            assert monotonic_ns() < deadline_ns, job
            block_ns(20 * NS_PER_MS)
        return job


class Worker:
    """A running render worker."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self._address = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> httpx.Response:
        """Ask its health or metrics."""
        return httpx.get(f"{self._address}{path}")

    def metric(self, line: str) -> float:
        """Return the value of the metric that is written as ``line``, 0 if it is not there."""
        for found in self.get("/metrics").text.splitlines():
            name, _, value = found.rpartition(" ")
            if name == line:
                return float(value)
        return 0.0
