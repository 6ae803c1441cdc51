"""What a scenario may hold at which place, read off the models' annotations."""

from functools import cache
from types import NoneType
from typing import Annotated, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Discriminator, Tag


def alternatives(kind: object) -> dict[str, type[BaseModel]]:
    """Return the models of which ``kind`` is one, by the key they are written under.

    Empty where there is no choice.
    """
    if get_origin(kind) is not Annotated:
        return {}
    union, *metadata = get_args(kind)
    if not any(isinstance(part, Discriminator) for part in metadata):
        return {}
    found: dict[str, type[BaseModel]] = {}
    for member in get_args(union):
        model, *marks = get_args(member)
        [tag] = [mark.tag for mark in marks if isinstance(mark, Tag)]
        found[tag] = model
    return found


def fields(kind: object) -> dict[str, object] | None:
    """Return the annotation of each field by its name in files; None: this is no model."""
    model = bare(kind)
    return _fields(model) if isinstance(model, type) and issubclass(model, BaseModel) else None


def inside(kind: object, part: str) -> object | None:
    """Return the annotation of ``part`` of a ``kind``; None where it can have no such part."""
    known = fields(kind)
    if known is not None:
        return known.get(part)
    container = bare(kind)
    if get_origin(container) is dict:
        return get_args(container)[1]  # type: ignore[no-any-return]  # annotations are any object
    if get_origin(container) is tuple and part.isdigit():
        return get_args(container)[0]  # type: ignore[no-any-return]  # annotations are any object
    return None


def is_table(kind: object) -> bool:
    """Whether this is a mapping whose keys are names that the file chooses."""
    return get_origin(bare(kind)) is dict


def is_whole_number(kind: object) -> bool:
    """Whether this counts something."""
    return bare(kind) is int


def name_of(kind: object) -> str:
    """Return what a model is called."""
    model = bare(kind)
    assert isinstance(model, type), "only models are named"
    return model.__name__


def bare(kind: object) -> object:
    """Return the type without what annotates it, and without its None."""
    kind = given(kind)
    return bare(get_args(kind)[0]) if get_origin(kind) is Annotated else kind


def given(kind: object) -> object:
    """Return what is left of a type when None is left out."""
    members = get_args(kind)
    if NoneType in members:
        [kind] = [member for member in members if member is not NoneType]
    return kind


@cache
def _fields(model: type[BaseModel]) -> dict[str, object]:
    # Unlike model_fields, type hints have their forward references resolved.
    hints = get_type_hints(model, include_extras=True)
    return {field.alias or name: hints[name] for name, field in model.model_fields.items()}
