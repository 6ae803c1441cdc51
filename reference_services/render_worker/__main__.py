"""Run one render worker: ``python -m reference_services.render_worker``."""

import sys

from fastapi import FastAPI

from reference_services.render_worker.app import build_app
from reference_services.render_worker.processes import ManimMissing, RenderProcesses
from reference_services.render_worker.settings import RenderWorkerSettings
from reference_services.runtime.clock import NS_PER_MS
from reference_services.runtime.serving import run_service

_MISSING = (
    "render_worker needs Manim, which cannot be imported ({reason}); on Debian: "
    "apt-get install libcairo2-dev libpango1.0-dev pkg-config, then: pip install 'wavetank[render]'"
)


def _build_warm(settings: RenderWorkerSettings) -> FastAPI:
    processes = RenderProcesses(settings.render_limit_ms * NS_PER_MS)
    try:
        processes.warm()
    except ManimMissing as missing:
        sys.stderr.write(_MISSING.format(reason=missing) + "\n")
        raise SystemExit(2) from None
    return build_app(settings, processes)


if __name__ == "__main__":
    run_service("render_worker", RenderWorkerSettings, _build_warm)
