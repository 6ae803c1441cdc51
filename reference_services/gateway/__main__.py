"""Run one gateway: ``python -m reference_services.gateway``."""

from reference_services.gateway.app import build_app
from reference_services.gateway.settings import GatewaySettings
from reference_services.runtime.serving import run_service

if __name__ == "__main__":
    run_service("gateway", GatewaySettings, build_app)
