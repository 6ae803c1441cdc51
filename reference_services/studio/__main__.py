"""Run one studio: ``python -m reference_services.studio``."""

from reference_services.runtime.serving import run_service
from reference_services.studio.app import build_app
from reference_services.studio.settings import StudioSettings

if __name__ == "__main__":
    run_service("studio", StudioSettings, build_app)
