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
    bare = _bare(kind)
    return _fields(bare) if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def inside(kind: object, part: str) -> object | None:
    """Return the annotation of ``part`` of a ``kind``; None where it can have no such part."""
    known = fields(kind)
    if known is not None:
        return known.get(part)
    bare = _bare(kind)
    if get_origin(bare) is dict:
        return get_args(bare)[1]  # type: ignore[no-any-return]  # annotations are any object
    if get_origin(bare) is tuple and part.isdigit():
        return get_args(bare)[0]  # type: ignore[no-any-return]  # annotations are any object
    return None


def is_table(kind: object) -> bool:
    """Whether this is a mapping whose keys are names that the file chooses."""
    return get_origin(_bare(kind)) is dict


def is_whole_number(kind: object) -> bool:
    """Whether this counts something."""
    return _bare(kind) is int


def name_of(kind: object) -> str:
    """Return what a model is called."""
    bare = _bare(kind)
    assert isinstance(bare, type), "only models are named"
    return bare.__name__


def _bare(kind: object) -> object:
    """Strip what annotates a type, and its None."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    members = get_args(kind)
    if NoneType in members:
        [member] = [member for member in members if member is not NoneType]
        return _bare(member)
    return kind


@cache
def _fields(model: type[BaseModel]) -> dict[str, object]:
    # Unlike model_fields, type hints have their forward references resolved.
    hints = get_type_hints(model, include_extras=True)
    return {field.alias or name: hints[name] for name, field in model.model_fields.items()}
