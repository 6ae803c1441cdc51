"""A small service on the common foundation, for tests of that foundation."""

from fastapi import FastAPI
from pydantic_settings import SettingsConfigDict

from reference_services.runtime.app import base_app
from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, NS_PER_US, sleep_ns
from reference_services.runtime.errors import Overloaded
from reference_services.runtime.health import Check
from reference_services.runtime.serving import run_service
from reference_services.runtime.settings import ServiceSettings


class LanternSettings(ServiceSettings):
    """Nothing but what every service reads."""

    model_config = SettingsConfigDict(env_prefix="LANTERN_")


async def lamp() -> None:
    """Work."""


async def oil() -> None:
    """Fail."""
    raise LookupError("there is none")


async def wick() -> None:
    """Take too long."""
    await sleep_ns(60 * NS_PER_S)


def build_app(_settings: LanternSettings) -> FastAPI:
    """Wire a service of which one dependency works, one fails and one hangs."""
    checks = [Check("lamp", lamp), Check("oil", oil), Check("wick", wick, 100 * NS_PER_MS)]
    app = base_app("lantern", checks)

    @app.get("/busy")
    async def busy() -> None:
        raise Overloaded("come back later", retry_after_ns=NS_PER_S + NS_PER_US)

    @app.get("/bug")
    async def bug() -> float:
        return 1 / 0

    @app.get("/lamps/{lamp_id}")
    async def lamps(lamp_id: int) -> int:
        return lamp_id

    return app


if __name__ == "__main__":
    run_service("lantern", LanternSettings, build_app)
