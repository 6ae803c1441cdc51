"""The catalog, wired."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware

from reference_services.catalog.catalog import Catalog
from reference_services.catalog.routes import router
from reference_services.catalog.settings import CatalogSettings
from reference_services.catalog.short_way import ShortWay
from reference_services.runtime.app import base_app
from reference_services.runtime.cache import Cache
from reference_services.runtime.cache_entries import CacheEntries
from reference_services.runtime.database import Database
from reference_services.runtime.database_server import DatabaseServer
from reference_services.runtime.health import Check
from reference_services.runtime.script_store import ScriptStore
from reference_services.runtime.tasks import end_task


def build_app(settings: CatalogSettings) -> FastAPI:
    """Wire a catalog.

    It is ready when it can read. A cache that is away makes it slower, not unready: there would be
    nobody left to serve from the database.
    """
    primary, *replicas = _servers(settings)
    store = ScriptStore(settings.cache_url, settings.cache_password_file)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # The second look can tell how far the replicas were at the first.
        for _ in range(2):
            await database.look()
        watching = asyncio.create_task(database.watch())
        yield
        await end_task(watching)
        await database.close()
        entries.close()

    async def readable() -> None:
        await database.check()

    app = base_app("catalog", [Check("database", readable)], lifespan)
    registry = app.state.metrics.registry
    limits = settings.cache_limits()
    database = Database(primary, replicas, limits.lag_max_ns, registry)
    entries = CacheEntries(store, settings.cache_protection, registry)
    app.state.catalog = Catalog(database, Cache(entries, limits, registry))
    app.include_router(router)
    # At the end of the list, which is innermost: cached reads are instrumented as all others.
    app.user_middleware.append(Middleware(ShortWay, catalog=app.state.catalog))
    return app


def _servers(settings: CatalogSettings) -> list[DatabaseServer]:
    urls = {"primary": settings.database_primary_url} | {
        f"replica-{index}": url for index, url in enumerate(settings.database_replica_urls)
    }
    password, limits = settings.database_password_file.reveal, settings.database_limits()
    return [DatabaseServer(name, url, password, limits) for name, url in urls.items()]
