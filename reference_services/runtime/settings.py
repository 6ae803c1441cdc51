"""Settings from the environment: read once, checked at once, complained about all at once."""

import json
import sys
from pathlib import Path
from typing import Any, Literal, TypeVar, get_origin

from pydantic import Field, GetCoreSchemaHandler, NonNegativeInt, ValidationError, field_validator
from pydantic_core import CoreSchema, core_schema
from pydantic_core.core_schema import ValidationInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from reference_services.runtime.files import WatchedFile


class SettingsError(ValueError):
    """The environment does not say what the service needs to know.

    Attributes:
        problems: one line for each missing or wrong variable: its full name, then the reason.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class SecretFile:
    """A secret that lives in a file and is shown to nobody who does not ask for it by ``reveal``.

    The file is read again when it changes, so that a secret is rotated without a restart.
    """

    def __init__(self, path: Path) -> None:
        """Read the secret once, to fail at start and not at the first request.

        Raises:
            ValueError: the file cannot be read, or holds nothing.
        """
        self.path = path
        try:
            self._file = WatchedFile(path, _secret)
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror}") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def reveal(self) -> str:
        """Return the secret as the file has it now."""
        return self._file.value()

    def __repr__(self) -> str:
        return f"SecretFile({str(self.path)!r})"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Tell pydantic to make one from a path."""
        return core_schema.no_info_plain_validator_function(cls._from_path)

    @classmethod
    def _from_path(cls, value: object) -> "SecretFile":
        if isinstance(value, SecretFile):
            return value
        if not isinstance(value, (str, Path)) or not str(value):
            raise ValueError("must be the path of a file")
        return cls(Path(value))


def _secret(text: str) -> str:
    secret = text.rstrip("\r\n")
    if not secret:
        raise ValueError("holds no secret")
    return secret


class ServiceSettings(BaseSettings):
    """What every service reads from its environment; a service adds its prefix and its own.

    Lists and mappings are written as JSON.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", enable_decoding=False)

    host: str = "127.0.0.1"
    """Address to listen on."""

    port: int = Field(ge=1, le=65_535)
    """Port to listen on."""

    replica: NonNegativeInt = 0
    """Which of several equal processes this is; a label in logs and metrics."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least serious message that is written."""

    grace_ms: NonNegativeInt = 10_000
    """How long requests in flight may take to finish once the service was told to stop."""

    linger_ms: NonNegativeInt = 0
    """How long to go on accepting, unready, once told to stop, so that balancers notice first."""

    @field_validator("*", mode="before")
    @classmethod
    def _decode_json(cls, value: object, info: ValidationInfo) -> object:
        # pydantic-settings would stop at the first value that is not JSON; decoded here, each
        # one is reported beside all other problems.
        assert info.field_name is not None
        annotation = cls.model_fields[info.field_name].annotation
        if not isinstance(value, str) or get_origin(annotation) not in {dict, list, tuple}:
            return value
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"is not JSON: {error}") from error


S = TypeVar("S", bound=BaseSettings)


def read_settings(settings: type[S]) -> S:
    """Read ``settings`` from the environment.

    Raises:
        SettingsError: variables are missing or wrong; all of them are named.
    """
    prefix = settings.model_config.get("env_prefix", "")
    try:
        return settings()
    except ValidationError as error:
        problems = [_problem(prefix, details) for details in error.errors()]
        raise SettingsError(problems) from None


def settings_or_exit(settings: type[S]) -> S:
    """Read ``settings`` from the environment, or say what is wrong and exit with code 2."""
    try:
        return read_settings(settings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


def _problem(prefix: str, details: Any) -> str:  # noqa: ANN401  # pydantic's ErrorDetails
    name, *inside = (str(part) for part in details["loc"])
    variable = f"{prefix}{name}".upper()
    if details["type"] == "missing" and not inside:
        return f"{variable} is missing"
    reason = details["msg"].removeprefix("Value error, ")
    return ": ".join([variable, *([".".join(inside)] if inside else []), reason])
