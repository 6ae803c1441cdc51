"""A render worker that cannot work says why, in one go, and ends."""

import os
import subprocess
import sys
from pathlib import Path

from tests.servers import ROOT, free_port


def start(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a render worker that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "reference_services.render_worker"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_missing_or_wrong_setting_is_named_at_once() -> None:
    ended = start({"RENDER_WORKER_LOCK_MS": "1"})
    assert ended.returncode == 2
    named = sorted(line.split()[0].rstrip(":") for line in ended.stderr.splitlines())
    assert named == [
        "RENDER_WORKER_CACHE_URL",
        "RENDER_WORKER_LOCK_MS",
        "RENDER_WORKER_PORT",
        "RENDER_WORKER_RESULTS_DIR",
    ]


def test_without_manim_it_says_in_one_line_what_to_install(tmp_path: Path) -> None:
    broken = tmp_path / "manim"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('libcairo.so.2: cannot open')")
    ended = start(
        {
            "PYTHONPATH": str(tmp_path),
            "RENDER_WORKER_PORT": str(free_port()),
            "RENDER_WORKER_CACHE_URL": "redis://127.0.0.1:1/0",
            "RENDER_WORKER_RESULTS_DIR": str(tmp_path / "results"),
        }
    )
    assert ended.returncode == 2
    [line] = ended.stderr.splitlines()
    assert "libcairo.so.2: cannot open" in line
    assert "apt-get install libcairo2-dev libpango1.0-dev pkg-config" in line
    assert "pip install 'wavetank[render]'" in line
