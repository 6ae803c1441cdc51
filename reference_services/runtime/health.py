"""Health: is the process alive, and can it do its work now?

``/healthz`` looks at nothing but the process itself: a dead database must not make an orchestrator
restart the services in front of it. ``/readyz`` asks everything that the service depends on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from reference_services.runtime.clock import NS_PER_S


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must work for the service to be ready."""

    name: str
    """What is asked, as readers of ``/readyz`` know it."""

    probe: Callable[[], Awaitable[object]]
    """Returns if all is well, raises if not."""

    timeout_ns: int = NS_PER_S
    """How long the probe may take."""


class Shutdown:
    """Whether this process was told to stop; streams that would never end wait for it."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()

    @property
    def begun(self) -> bool:
        """Whether the process was told to stop."""
        return self._begun.is_set()

    def begin(self) -> None:
        """Take note that the process was told to stop."""
        self._begun.set()

    async def wait(self) -> None:
        """Return once the process was told to stop."""
        await self._begun.wait()


def health_routes(checks: Sequence[Check], shutdown: Shutdown) -> APIRouter:
    """Return ``/healthz`` and ``/readyz`` for a service that depends on ``checks``."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def alive() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "alive"}

    @router.get("/readyz", responses={503: {"description": "Not now; says why."}})
    async def ready() -> JSONResponse:
        """Say whether the service can do its work, and if not, what is in the way."""
        if shutdown.begun:
            return JSONResponse({"ready": False, "checks": {"shutdown": "begun"}}, 503)
        answers = await asyncio.gather(*(_ask(check) for check in checks))
        found = {check.name: answer for check, answer in zip(checks, answers, strict=True)}
        is_ready = all(answer == "ok" for answer in answers)
        return JSONResponse({"ready": is_ready, "checks": found}, 200 if is_ready else 503)

    return router


async def _ask(check: Check) -> str:
    try:
        async with asyncio.timeout(check.timeout_ns / NS_PER_S):
            await check.probe()
    except TimeoutError:
        return f"no answer within {check.timeout_ns / NS_PER_S:g} s"
    except Exception as error:  # noqa: BLE001  # whatever a probe raises is the reason
        return f"{type(error).__name__}: {error}"
    return "ok"
