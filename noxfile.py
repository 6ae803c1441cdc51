"""The conductor: each session is named for what it shows, and passes its arguments on.

``make test`` runs ``lint types architecture tests properties`` with ``--no-venv`` in the
environment that it made, the properties with fewer examples. Without ``--no-venv`` each
session makes an environment of its own.
"""

import os
import sys
import tomllib
from pathlib import Path

import nox

ROOT = Path(__file__).parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = SETTINGS["tool"]["importlinter"]["root_packages"]

# With --no-venv, sessions use the environment that nox itself is installed in.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

nox.options.error_on_external_run = True
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["lint", "types", "architecture", "tests", "properties"]


def _install(session: nox.Session, extras: str) -> None:
    """Install the project, unless the caller's own environment is used."""
    if session.virtualenv.venv_backend not in {"none", None}:
        session.install("--editable", f".[{extras}]")


def _on_all_cores(session: nox.Session) -> list[str]:
    """Return pytest's arguments; one worker for each core, unless the caller says how many."""
    if any(argument.startswith(("-n", "--numprocesses")) for argument in session.posargs):
        return session.posargs
    # A file's tests stay together: its servers are started once.
    return ["-n", "auto", "--dist", "loadfile", *session.posargs]


@nox.session(tags=["check"])
def lint(session: nox.Session) -> None:
    """Style, formatting and spelling. ``nox -s lint -- --fix`` mends what can be mended."""
    _install(session, "dev")
    session.run("ruff", "check", ".", *session.posargs)
    session.run("ruff", "format", *([] if "--fix" in session.posargs else ["--check"]), ".")
    session.run("codespell", *(["--write-changes"] if "--fix" in session.posargs else []))


@nox.session(tags=["check"])
def types(session: nox.Session) -> None:
    """Strict types, tests included."""
    _install(session, "all,dev")
    session.run("mypy", *session.posargs)


@nox.session(tags=["check"])
def architecture(session: nox.Session) -> None:
    """The floors and their walls: import-linter's contracts, and the house rules as tests."""
    _install(session, "all,dev")
    session.run("lint-imports", "--no-cache")
    session.run("pytest", "tests/architecture", *session.posargs)


@nox.session(tags=["check"])
def tests(session: nox.Session) -> None:
    """Examples, on real servers. ``nox -s tests -- -k gateway`` picks some."""
    _install(session, "all,dev")
    session.run("pytest", "tests", "--ignore=tests/architecture", *_on_all_cores(session))


@nox.session(tags=["check"])
def properties(session: nox.Session) -> None:
    """Laws, for all inputs. ``nox -s properties -- --hypothesis-profile=nightly`` digs deeper."""
    _install(session, "all,dev")
    profile = [] if any("profile" in a for a in session.posargs) else ["--hypothesis-profile=ci"]
    session.run("pytest", "properties", *profile, *_on_all_cores(session))


@nox.session(tags=["nightly"])
def mutants(session: nox.Session) -> None:
    """Plant each bug and see who objects: ``nox -s mutants -- caching`` for one area's."""
    _install(session, "all,dev")
    # The table has all mutants, so it is written when all were asked for.
    table = [] if session.posargs else ["--table", "docs/reference/mutants.md"]
    session.run("python", "-m", "properties.mutants", *table, *session.posargs)


@nox.session(tags=["nightly"])
def mutmut(session: nox.Session) -> None:
    """Change the policies in each small way; who sees it? ``nox -s mutmut -- retry`` for one."""
    _install(session, "all,dev")
    session.run("python", "-m", "properties.mutants.runner.mutmut_run", *session.posargs)


@nox.session(tags=["check"])
def coverage(session: nox.Session) -> None:
    """Branches that no example and no property takes, in policies and scenarios."""
    _install(session, "all,dev")
    chosen = ["tests/policies", "tests/scenarios", "properties/policies", "properties/scenarios"]
    session.run("coverage", "run", "-m", "pytest", "--hypothesis-profile=ci", *chosen)
    session.run("coverage", "report", "--show-missing", "--include=policies/*,scenarios/*")


@nox.session
def demo(session: nox.Session) -> None:
    """Rehearse a scenario. ``nox -s demo -- flash_crowd``; the baseline without arguments."""
    _install(session, "all")
    session.run("wavetank", "rehearse", *(session.posargs or ["baseline"]))


@nox.session(tags=["measure"])
def load(session: nox.Session) -> None:
    """Load the platform with k6's constant arrival rate: ``nox -s load -- baseline``."""
    _install(session, "all")
    session.install(
        "--require-hashes", "--only-binary=:all:", "-r", "worlds/load/k6/requirements.txt"
    )
    session.run("wavetank", "load", *(session.posargs or ["baseline"]), "--with", "k6")


@nox.session(tags=["measure"])
def bench(session: nox.Session) -> None:
    """Nanoseconds per decision, and the simulator beside its peers."""
    _install(session, "all,dev")
    session.run("pytest", "benchmarks/micro", "--benchmark-only", *session.posargs)
    session.run("python", "-m", "benchmarks.peers.simpy_three_tier")
    session.run("python", "-m", "benchmarks.load.gateway_overhead")


@nox.session
def docs(session: nox.Session) -> None:
    """Regenerate the reference pages that are made from code."""
    _install(session, "all")
    session.run("wavetank", "scenario", "schema", "--output", "docs/reference", *session.posargs)
