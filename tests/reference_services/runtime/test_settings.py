"""What a service says about its environment when that is not right, and what it never says."""

from pathlib import Path

import pytest
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from reference_services.runtime.clock import block_ns
from reference_services.runtime.files import LOOK_AGAIN_NS
from reference_services.runtime.settings import (
    SecretFile,
    ServiceSettings,
    SettingsError,
    read_settings,
    settings_or_exit,
)


class LanternSettings(ServiceSettings):
    """Settings of a service that does not exist."""

    model_config = SettingsConfigDict(env_prefix="LANTERN_")

    urls: list[str]
    weights: dict[str, int] = Field(default_factory=dict)
    secret_file: SecretFile


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("of the sea\n")
    return path


def set_environment(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"LANTERN_{name}", value)


def problems() -> list[str]:
    with pytest.raises(SettingsError) as wrong:
        read_settings(LanternSettings)
    return wrong.value.problems


def test_all_missing_variables_are_named_at_once() -> None:
    assert problems() == [
        "LANTERN_PORT is missing",
        "LANTERN_URLS is missing",
        "LANTERN_SECRET_FILE is missing",
    ]


@pytest.mark.requirement("learning-4.5")
def test_each_wrong_variable_is_named_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    absent = tmp_path / "absent"
    set_environment(
        monkeypatch,
        PORT="70000",
        URLS="[",
        WEIGHTS='{"a": "heavy"}',
        LOG_LEVEL="loud",
        SECRET_FILE=str(absent),
    )
    port, log_level, urls, weights, secret_file = problems()
    assert port == "LANTERN_PORT: Input should be less than or equal to 65535"
    assert log_level.startswith("LANTERN_LOG_LEVEL: Input should be 'debug', 'info'")
    assert urls.startswith("LANTERN_URLS: is not JSON")
    assert weights.startswith("LANTERN_WEIGHTS: a: Input should be a valid integer")
    assert secret_file == f"LANTERN_SECRET_FILE: cannot read {absent}: No such file or directory"


def test_an_empty_secret_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    set_environment(monkeypatch, PORT="1", URLS="[]", SECRET_FILE=str(empty))
    assert problems() == [f"LANTERN_SECRET_FILE: {empty}: holds no secret"]


def test_a_service_that_lacks_settings_exits_with_two(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        settings_or_exit(LanternSettings)
    assert ended.value.code == 2
    assert "LANTERN_PORT is missing\n" in capsys.readouterr().err


def test_a_secret_is_shown_to_nobody_who_does_not_ask_for_it(
    monkeypatch: pytest.MonkeyPatch, secret: Path
) -> None:
    set_environment(monkeypatch, PORT="1", URLS='["a"]', SECRET_FILE=str(secret))
    settings = read_settings(LanternSettings)
    assert settings.secret_file.reveal() == "of the sea"
    for shown in (repr(settings), str(settings), f"{settings.secret_file}"):
        assert "of the sea" not in shown


@pytest.mark.requirement("agency-5.3")
def test_a_secret_is_changed_without_a_restart(secret: Path) -> None:
    held = SecretFile(secret)
    secret.write_text("of the land")
    block_ns(LOOK_AGAIN_NS)
    assert held.reveal() == "of the land"
    secret.unlink()
    block_ns(LOOK_AGAIN_NS)
    assert held.reveal() == "of the land"
