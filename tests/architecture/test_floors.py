"""The floors hold, and the contracts that hold them can fail."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

TRESPASSES = {
    "policies reads a clock": ("policies/trespass.py", "import time"),
    "policies draws chance": ("policies/trespass.py", "import random"),
    "the simulator knows the services": (
        "sim/trespass.py",
        "import reference_services.runtime.clock",
    ),
    "reports runs something": ("reports/trespass.py", "import sim.run"),
    "a service knows another": (
        "reference_services/catalog/trespass.py",
        "import reference_services.gateway.app",
    ),
    "a draw depends on simpy": ("sim/arrivals.py", "import simpy"),
    "vocabulary looks up": ("scenarios/trespass.py", "import sim.streams"),
    "gevent outside the load generator": ("sim/trespass.py", "import gevent"),
}


def _lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # our own tool on our own files
        [LINT_IMPORTS, "--no-cache"], cwd=tree, capture_output=True, text=True, check=False
    )


def _copy_sources(tree: Path) -> None:
    for source in [*ROOT.glob("*/**/*.py"), ROOT / "pyproject.toml"]:
        relative = source.relative_to(ROOT)
        if relative.parts[0].startswith((".", "tests", "runs")):
            continue
        target = tree / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())


@pytest.mark.parametrize("trespass", TRESPASSES)
def test_a_planted_trespass_is_refused(tmp_path: Path, trespass: str) -> None:
    _copy_sources(tmp_path)
    path, line = TRESPASSES[trespass]
    with (tmp_path / path).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    judged = _lint_imports(tmp_path)
    assert judged.returncode == 1, judged.stdout
    assert "BROKEN" in judged.stdout
