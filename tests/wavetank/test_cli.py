"""The command line says which extra is missing, and hides no bug behind that."""

import sys

import pytest

from wavetank import cli


def without(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every command fail to load for want of ``package``."""

    def absent(_: str) -> None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr(cli, "import_module", absent)
    monkeypatch.setattr(sys, "argv", ["wavetank", "load"])


@pytest.mark.parametrize(
    ("package", "extra"),
    [("simpy", "sim"), ("locust.contrib", "load"), ("jinja2", "reports"), ("uvloop", "services")],
)
def test_a_missing_extra_is_named(
    package: str,
    extra: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    without(package, monkeypatch)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert f"pip install 'wavetank[{extra}]'" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["wavetank.typo", "worlds.typo", "tomllib"])
def test_a_module_that_no_extra_brings_is_a_bug(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(package, monkeypatch)
    with pytest.raises(ModuleNotFoundError):
        cli.main()
