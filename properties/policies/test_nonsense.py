"""Whatever numbers are given, settings make sense or are refused with the name of what is wrong."""

import dataclasses
import inspect
import pkgutil
import types
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import policies
from properties.profiles import scaled

EDGES = [0, 1, 2, 50, 99, 100, 101, 2**31, 2**52, 2**61, 2**62, 2**63 - 1, 2**63, 2**64]
NUMBERS = st.integers(-2, 12) | st.sampled_from([*EDGES, *(-number for number in EDGES)])
FLOATS = st.floats() | st.sampled_from([0.0, 0.1, 1.0, -0.1])


def settings_classes() -> Iterator[type[Any]]:
    """Yield each class of settings that checks what it is given."""
    for module in pkgutil.iter_modules(policies.__path__):
        for each in vars(import_module(f"policies.{module.name}")).values():
            if not inspect.isclass(each) or each.__module__ != f"policies.{module.name}":
                continue
            if dataclasses.is_dataclass(each) and hasattr(each, "__post_init__"):
                yield each


def given_for(draw: st.DrawFn, hint: Any) -> Any:  # noqa: ANN401  # any type of a setting
    """Draw a value of the right type, sense or nonsense."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return draw(st.sampled_from(arguments))
    if origin is types.UnionType:
        return given_for(draw, draw(st.sampled_from(arguments)))
    if origin is tuple:
        return tuple(given_for(draw, arguments[0]) for _ in range(draw(st.integers(0, 2))))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, value = arguments
        return {
            given_for(draw, key): given_for(draw, value) for _ in range(draw(st.integers(0, 2)))
        }
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        fields = dataclasses.fields(hint)
        return hint(**{field.name: given_for(draw, hints[field.name]) for field in fields})
    by_type = {
        int: NUMBERS,
        float: FLOATS,
        str: st.sampled_from(["", "ada", "bob"]),
        type(None): st.none(),
    }
    return draw(by_type[hint] if hint in by_type else st.from_type(hint))


def field_names(of: Any) -> set[str]:  # noqa: ANN401  # any type of a setting
    """Return the names of a class' fields, and of those of the classes in them."""
    names: set[str] = set()
    if dataclasses.is_dataclass(of):
        for name, hint in get_type_hints(of).items():
            names |= {name} | field_names(hint)
    for argument in get_args(of):
        names |= field_names(argument)
    return names


@pytest.mark.parametrize("of", [*settings_classes()], ids=lambda of: of.__name__)
@settings(max_examples=scaled(50), deadline=None)
@given(data=st.data())
def test_settings_are_made_or_refused_by_the_name_of_what_is_wrong(
    of: type, data: st.DataObject
) -> None:
    made = st.composite(lambda draw: given_for(draw, of))
    try:
        data.draw(made())
    except ValueError as refused:
        told = str(refused)
        assert any(name in told for name in field_names(of)), told
