"""What all models of the vocabulary have in common."""

from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,63}$"
NAME_RULE = "a lower-case letter, then letters, digits and _"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A lower-case name; the same on every floor: service, model, folder, chaos target."""

_UNITS_IN_NAMES = ("_ns", "_per_s")


def _name_in_files(field: str) -> str:
    """Drop the unit from a field's name: in files the unit stands with the value."""
    for unit in _UNITS_IN_NAMES:
        field = field.removesuffix(unit)
    return field


class Model(BaseModel):
    """A value of the vocabulary: frozen, and closed to unknown fields.

    Code says ``timeout_ns``; files say ``timeout: 2s``.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        alias_generator=_name_in_files,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class RecordModel(BaseModel):
    """A value of a record: frozen, closed, written by programs for programs.

    Names keep their units, and numbers stay numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def single_key(*alternatives: str) -> Callable[[object], str | None]:
    """Tell alternatives apart by the one key they are written under.

    Returns:
        A discriminator: the first of ``alternatives`` that a mapping has as a key, or
        that an already built model has as a field; None when there is none.
    """

    def discriminate(value: object) -> str | None:
        if isinstance(value, dict):
            return next((name for name in alternatives if name in value), None)
        fields = type(value).model_fields.values() if isinstance(value, BaseModel) else ()
        names = {field.alias for field in fields}
        return next((name for name in alternatives if name in names), None)

    return discriminate
