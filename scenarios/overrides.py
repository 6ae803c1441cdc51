"""Values set from the command line: ``services.gateway.replicas=6``."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from scenarios import shape
from scenarios.document import parse_value
from scenarios.errors import remedy
from scenarios.spec import Scenario


class Override(NamedTuple):
    """One value in place of the file's."""

    field: tuple[str, ...]
    value: object
    written: str
    """As the user gave it."""


class Misplaced(ValueError):
    """An override cannot be applied.

    Attributes:
        field:  the dotted name that leads nowhere.
        reason: why, as the end of a sentence.
    """

    def __init__(self, field: Sequence[str], reason: str) -> None:
        self.field = ".".join(field)
        self.reason = reason
        super().__init__(f"{self.field} {reason}")


def parse_override(written: str) -> Override:
    """Return what ``written``, such as ``seed=7``, sets.

    The value is YAML: ``{count: 5}`` and ``[1ms, 2ms]`` work, and nothing at all is null.

    Raises:
        Misplaced: it is no dotted name, an equals sign and a value.
    """
    name, equals, value = written.partition("=")
    field = tuple(name.strip().split("."))
    if not equals or not all(field):
        raise Misplaced((), "should read like services.gateway.replicas=6")
    try:
        return Override(field, parse_value(value), written)
    except ValueError as error:
        raise Misplaced(field, str(error)) from error


def apply_override(data: dict[str, object], override: Override) -> None:
    """Set one value in ``data``, which is what a scenario's file says.

    Where the scenario has a choice, such as the kind of arrivals, the alternative that is
    set takes the place of the one in the file. An entry of a table cannot come to be by
    the way: ``services.new.replicas=2`` is more likely a slip than a new service.

    Raises:
        Misplaced: there is no such place.
    """
    at: object = data
    kind: object = Scenario
    for i in range(1, len(override.field)):
        at, kind = _step_into(at, kind, override.field[:i])
    part = override.field[-1]
    if isinstance(at, list):
        at[_index(at, override.field)] = override.value
    else:
        table = _table(at, override.field[:-1])
        _choose(table, kind, part)
        table[part] = override.value


def _step_into(at: object, kind: object, here: tuple[str, ...]) -> tuple[object, object]:
    """Return what the last part of ``here`` holds within ``at``, and of what kind it is."""
    part = here[-1]
    if isinstance(at, list):
        return at[_index(at, here)], shape.inside(kind, part)
    table = _table(at, here[:-1])
    chosen = _choose(table, kind, part)
    if table.get(part) is None:
        _check_may_begin(table, chosen, here, shape.alternatives(kind))
        table[part] = {}
    return table[part], shape.inside(chosen, part)


def _choose(table: dict[str, object], kind: object, part: str) -> object:
    """Return the model that ``table`` follows once it has ``part``; drop what that excludes."""
    choices = shape.alternatives(kind)
    if part in choices:
        for other in choices:
            if other != part:
                table.pop(other, None)
    return next((choices[name] for name in (part, *table) if name in choices), kind)


def _check_may_begin(
    table: dict[str, object], kind: object, here: tuple[str, ...], choices: Iterable[str]
) -> None:
    part = here[-1]
    if shape.is_table(kind):
        raise Misplaced(here, f"is not defined; {remedy(part, table)}")
    known = shape.fields(kind)
    if known is not None and part not in known:
        owner = shape.name_of(kind)
        raise Misplaced(
            here, f"is not a field of {owner}; {remedy(part, {**known, **dict.fromkeys(choices)})}"
        )


def _table(at: object, here: tuple[str, ...]) -> dict[str, object]:
    if not isinstance(at, dict):
        raise Misplaced(here, f"has no parts; it is {at!r}")
    return at


def _index(entries: list[object], here: tuple[str, ...]) -> int:
    part = here[-1]
    if not (part.isascii() and part.isdigit() and int(part) < len(entries)):
        raise Misplaced(here, f"is not there; the entries are 0 to {len(entries) - 1}")
    return int(part)
