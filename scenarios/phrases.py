"""What a validator found, in our words: the end of a sentence that starts with the field."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pydantic_core import ErrorDetails

from scenarios import shape
from scenarios.errors import remedy
from scenarios.model import NAME_PATTERN, NAME_RULE
from scenarios.spec import Scenario


class Complaint(NamedTuple):
    """One thing wrong with a value: where, by the names used in files, and why."""

    field: tuple[str, ...]
    reason: str


_Phrase = Callable[[ErrorDetails, "_Place", object], str]


class _Place(NamedTuple):
    """Where in a scenario a validator stood when it complained."""

    field: tuple[str, ...]
    owner: object
    """Annotation of what holds the field."""

    kind: object
    """Annotation of the field."""

    alternative: str = ""
    """The key under which ``owner`` was chosen among its alternatives, if it was."""


def complaints(error: ErrorDetails, data: object) -> list[Complaint]:
    """Return what ``error`` says about ``data``; one error may hold several complaints.

    Args:
        error: as pydantic found it when it validated a :class:`Scenario`.
        data: what was validated, as written in the file.
    """
    if error["type"] == "inconsistent":
        return [Complaint(tuple(field), reason) for field, reason in error["ctx"]["problems"]]
    place = _place_of(error["loc"])
    if error["loc"][-1:] == ("[key]",):
        return [Complaint(place.field, f"should be a name: {NAME_RULE}")]
    phrase = _PHRASES.get(error["type"], _unforeseen)
    return [Complaint(place.field, phrase(error, place, _written_at(data, place.field)))]


def _place_of(location: Sequence[int | str]) -> _Place:
    """Translate pydantic's location, which also names the alternative that it chose."""
    place = _Place((), None, Scenario)
    alternative = ""
    for part in map(str, location):
        if part == "[key]":
            break
        if chosen := shape.alternatives(place.kind):
            alternative = part
            place = place._replace(kind=chosen[part])
        else:
            inner = shape.inside(place.kind, part)
            place = _Place((*place.field, part), place.kind, inner, alternative)
            alternative = ""
    return place


def _written_at(data: object, field: Sequence[str]) -> object:
    for part in field:
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and part.isdigit():
            data = data[int(part)]
        else:
            return None
    return data


def _shown(value: object) -> str:
    """Return ``value`` as it looks in a file; of what is long, only its kind."""
    match value:
        case dict():
            return f"a mapping of {', '.join(map(str, value)) or 'nothing'}"
        case list():
            return "a list"
        case None:
            return "empty"
        case bool():
            return "true" if value else "false"
        case _:
            return repr(value)


def _at_least_more(error: ErrorDetails, place: _Place, written: object) -> str:
    bound = error["ctx"]["gt"]
    if shape.is_whole_number(place.kind) and isinstance(written, int):
        return f"should be at least {bound + 1}, not {written}"
    return f"should be more than {bound:g}, not {_shown(written)}"


def _unknown_field(error: ErrorDetails, place: _Place, _written: object) -> str:
    del error
    if place.alternative:
        return f"cannot stand beside {place.alternative}"
    known = shape.fields(place.owner) or {}
    owner = shape.name_of(place.owner)
    return f"is not a field of {owner}; {remedy(place.field[-1], known)}"


def _pattern(error: ErrorDetails, _place: _Place, written: object) -> str:
    if error["ctx"]["pattern"] == NAME_PATTERN:
        return f"should be a name: {NAME_RULE}, not {_shown(written)}"
    assert error["ctx"]["pattern"] == "^/", "there are names and paths"
    return f"should start with /, unlike {_shown(written)}"


def _unknown_alternative(error: ErrorDetails, place: _Place, written: object) -> str:
    if isinstance(written, dict) and len(written) == 1:
        [name] = written
        return f"{error['msg']}, not {name}; {remedy(name, shape.alternatives(place.kind))}"
    return f"{error['msg']}, not {_shown(written)}"


def _unforeseen(error: ErrorDetails, _place: _Place, written: object) -> str:
    """Say it in pydantic's words: of a kind of mistake that no model here can make yet."""
    return f"is not valid: {error['msg']} (it is {_shown(written)})"


def _saying(text: str) -> _Phrase:
    """Return a phrase with the value as written in place of ``{written}``."""

    def phrase(error: ErrorDetails, _place: _Place, written: object) -> str:
        return text.format(written=_shown(written), **error.get("ctx", {}))

    return phrase


_WHOLE_NUMBER = _saying("should be a whole number, not {written}")
_MAPPING = _saying("should be a mapping, not {written}")

_PHRASES: dict[str, _Phrase] = {
    "bool_type": _saying("should be true or false, not {written}"),
    "dict_type": _MAPPING,
    "extra_forbidden": _unknown_field,
    "finite_number": _saying("should be a finite number, not {written}"),
    "float_type": _saying("should be a number, not {written}"),
    "greater_than": _at_least_more,
    "greater_than_equal": _saying("should be at least {ge:g}, not {written}"),
    "int_from_float": _WHOLE_NUMBER,
    "int_type": _WHOLE_NUMBER,
    "less_than_equal": _saying("should be at most {le:g}, not {written}"),
    "literal_error": _saying("should be {expected}, not {written}"),
    "missing": _saying("is missing"),
    "model_type": _MAPPING,
    "string_pattern_mismatch": _pattern,
    "string_too_short": _saying("should not be empty"),
    "string_type": _saying("should be text, not {written}"),
    "too_long": _saying("should have at most {max_length} entries, not {actual_length}"),
    "too_short": _saying("should have at least {min_length}, not {actual_length}"),
    "tuple_type": _saying("should be a list, not {written}"),
    "unknown_alternative": _unknown_alternative,
    "value_error": _saying("{error}"),
}
