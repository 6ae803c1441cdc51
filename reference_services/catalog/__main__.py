"""Run one catalog: ``python -m reference_services.catalog``."""

from reference_services.catalog.app import build_app
from reference_services.catalog.settings import CatalogSettings
from reference_services.runtime.serving import run_service

if __name__ == "__main__":
    run_service("catalog", CatalogSettings, build_app)
