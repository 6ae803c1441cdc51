"""YAML as scenarios use it: plain values that remember their lines.

YAML 1.1 turns ``on`` and ``no`` into booleans, ``1:30`` into ninety, ``010`` into eight, and
lets a key be given twice. Here scalars are those of YAML 1.2's core schema, keys are always
text, and a repeated key is a mistake. Anchors work as usual; YAML 1.1's merge keys do not.

Source: YAML 1.2.2, section 10.3, core schema (yaml.org/spec/1.2.2).
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import yaml

from scenarios.errors import InvalidScenario, Mistake

_TAG = "tag:yaml.org,2002:"
_DEPTH_MAX = 50
_VALUES_MAX = 100_000
_DIGITS_MAX = 18

_UNUSUAL_BREAKS = frozenset("\x85\u2028\u2029")

_N = TypeVar("_N", int, float)

_SCALARS = (
    ("null", r"^(?:~|null|Null|NULL|)$", ("~", "n", "N", "")),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", tuple("tTfF")),
    ("int", r"^[-+]?[0-9]+$", tuple("-+0123456789")),
    (
        "float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
        tuple("-+.0123456789"),
    ),
)
"""Name, pattern and possible first characters of each scalar that is not text."""


class _Loader(yaml.SafeLoader):
    # None of YAML 1.1's; the loop below adds those of 1.2.
    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML declares it; it is a class's by design


class Dumper(yaml.SafeDumper):
    """Quotes whatever YAML 1.1 or this module would take for something other than text."""

    def ignore_aliases(self, data: object) -> bool:
        """Write equal values out each time: ``&id001`` helps no reader."""
        del data
        return True


def _represented(dumper: Dumper, text: str) -> yaml.ScalarNode:
    # PyYAML folds these line breaks away unless the text stands in double quotes.
    style = '"' if _UNUSUAL_BREAKS & set(text) else None
    return dumper.represent_scalar(_TAG + "str", text, style)


Dumper.add_representer(str, _represented)
for _name, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(_pattern), list(_first))
    Dumper.add_implicit_resolver(_TAG + _name, re.compile(_pattern), list(_first))


class Document:
    """A YAML file whose top is a mapping."""

    def __init__(self, path: Path, root: yaml.MappingNode) -> None:
        self.path = path
        self._root = root
        self._mistakes: list[Mistake] = []
        self._values = 0
        data = self._built(root, ())
        if self._mistakes:
            raise InvalidScenario(self._mistakes)
        assert isinstance(data, dict), "the root is a mapping"
        self.data: dict[str, object] = data
        """What the file says: mappings, lists, text, numbers, true, false and null."""

    def line_of(self, field: Sequence[str]) -> int:
        """Return the line, from 1, of ``field`` or of the nearest part around it."""
        node: yaml.Node = self._root
        line = node.start_mark.line
        for part in field:
            found = _part_of(node, part)
            if found is None:
                break
            at, node = found
            line = at.start_mark.line
        return int(line) + 1

    def _complain(self, node: yaml.Node, field: Sequence[str], reason: str) -> None:
        line = node.start_mark.line + 1
        self._mistakes.append(Mistake(self.path, line, ".".join(field), reason))

    def _built(self, node: yaml.Node, field: tuple[str, ...]) -> object:
        self._values += 1
        if self._values > _VALUES_MAX:
            self._complain(self._root, (), f"holds more than {_VALUES_MAX:,} values")
            raise InvalidScenario(self._mistakes)
        if len(field) > _DEPTH_MAX:
            self._complain(node, field[:2], f"is nested deeper than {_DEPTH_MAX} levels")
            raise InvalidScenario(self._mistakes)
        match node:
            case yaml.MappingNode(tag="tag:yaml.org,2002:map"):
                return self._mapping(node, field)
            case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
                return [self._built(part, (*field, str(i))) for i, part in enumerate(node.value)]
            case yaml.ScalarNode():
                return self._scalar(node, field)
            case _:
                self._complain(node, field, f"has the tag {node.tag}, which has no meaning here")
                return None

    def _mapping(self, node: yaml.MappingNode, field: tuple[str, ...]) -> dict[str, object]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._complain(key, field, "should have text as its keys")
            elif key.value in seen:
                self._complain(
                    key, (*field, key.value), f"is already given in line {seen[key.value]}"
                )
            else:
                seen[key.value] = key.start_mark.line + 1
        return {
            key.value: self._built(value, (*field, key.value))
            for key, value in node.value
            if isinstance(key, yaml.ScalarNode)
        }

    def _scalar(self, node: yaml.ScalarNode, field: tuple[str, ...]) -> object:
        try:
            return _plain_value(node.tag.removeprefix(_TAG), node.value)
        except ValueError as error:
            self._complain(node, field, str(error))
            return None


def read_document(path: Path) -> Document:
    """Return the YAML document in the file at ``path``.

    Raises:
        InvalidScenario: the file is no YAML mapping in UTF-8.
        OSError: it cannot be read.
    """
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _unreadable(path, line, "is not UTF-8 text") from error
    root = _composed(path, text)
    if root is None:
        raise _unreadable(path, None, "is empty")
    if not isinstance(root, yaml.MappingNode):
        raise _unreadable(path, root.start_mark.line + 1, "should be a mapping of fields to values")
    return Document(path, root)


def parse_value(written: str) -> object:
    """Return the value that ``written`` stands for inside a YAML document.

    Raises:
        ValueError: it is not YAML.
    """
    try:
        root = _composed(Path(), f"value: {written}")
        assert isinstance(root, yaml.MappingNode), "it starts like one"
        data = Document(Path(), root).data
    except InvalidScenario as error:
        raise ValueError(error.mistakes[0].reason) from error
    if set(data) != {"value"}:
        raise ValueError("should be one value")
    return data["value"]


def _unreadable(path: Path, line: int | None, reason: str) -> InvalidScenario:
    return InvalidScenario([Mistake(path, line, "", reason)])


def _composed(path: Path, text: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        character = f"U+{ord(text[error.position]):04X}"
        raise _unreadable(path, line, f"holds the control character {character}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        assert mark is not None, "PyYAML says where"
        raise _unreadable(path, mark.line + 1, _yaml_reason(error, text)) from error
    except (RecursionError, ValueError, OverflowError) as error:
        # ValueError and OverflowError: escapes of characters beyond Unicode.
        raise _unreadable(path, None, f"is not YAML that can be read: {error}") from error


def _yaml_reason(error: yaml.MarkedYAMLError, text: str) -> str:
    assert error.problem_mark is not None, "PyYAML says where"
    line = text.splitlines()[error.problem_mark.line : error.problem_mark.line + 1]
    if line and "\t" in line[0][: error.problem_mark.column + 1]:
        return "has a tab where YAML wants spaces"
    return f"is not YAML: {error.problem}"


def _plain_value(kind: str, written: str) -> object:
    match kind:
        case "str":
            return _text(written)
        case "null":
            return None
        case "bool":
            return written.lower() == "true"
        case "int":
            if len(written) > _DIGITS_MAX:
                raise ValueError(f"should have at most {_DIGITS_MAX} digits")
            return _number(int, written)
        case "float":
            value = _number(float, written)
            if not math.isfinite(value):
                raise ValueError(f"should be a finite number, not {written}")
            return value
        case _:
            raise ValueError(f"has the tag {kind}, which has no meaning here")


def _number(kind: type[_N], written: str) -> _N:
    # Only a tag such as !!int brings text here that is no number.
    try:
        return kind(written)
    except ValueError as error:
        raise ValueError(f"should be a number, not {written!r}") from error


def _text(written: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in written):
        raise ValueError("holds half of a surrogate pair, which is not text")
    return written


def _part_of(node: yaml.Node, part: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Return where a part is written and what it holds; None where there is no such part."""
    if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        value = node.value[int(part)]
        return value, value
    if isinstance(node, yaml.MappingNode):
        found = {key.value: (key, value) for key, value in node.value}
        return found.get(part)
    return None
