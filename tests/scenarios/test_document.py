"""YAML as scenarios use it: its traps do not spring, and what is no YAML is told."""

from pathlib import Path

import pytest

from scenarios.document import Document, parse_value, read_document
from scenarios.errors import InvalidScenario


def document(folder: Path, text: str | bytes) -> Document:
    """Read ``text`` as a document."""
    path = folder / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_document(path)


def test_scalars_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    text = "a: [on, no, 1:30, 010, 1_000, 2024-01-01, true, null, ~, -7, 1.5, .5, 1e3, '1']"
    assert document(tmp_path, text).data["a"] == [
        "on", "no", "1:30", 10, "1_000", "2024-01-01", True, None, None, -7, 1.5, 0.5, 1000.0, "1"
    ]  # fmt: skip


def test_keys_are_always_text(tmp_path: Path) -> None:
    assert document(tmp_path, "on: 1\n2: {true: 3}").data == {"on": 1, "2": {"true": 3}}


def test_anchors_stand_for_what_they_name(tmp_path: Path) -> None:
    read = document(tmp_path, "a: &slow {constant: 1s}\nb: *slow\n")
    assert read.data == {"a": {"constant": "1s"}, "b": {"constant": "1s"}}
    assert read.line_of(["b"]) == 2


def test_lines_are_those_of_keys_and_entries(tmp_path: Path) -> None:
    read = document(tmp_path, "a:\n  b: 1\n  c:\n    - d\n    - e: 1\n")
    assert read.line_of(["a", "b"]) == 2
    assert read.line_of(["a", "c", "0"]) == 4
    assert read.line_of(["a", "c", "1", "e"]) == 5
    assert read.line_of(["a", "c", "7"]) == 3
    assert read.line_of(["a", "nothing"]) == 1
    assert read.line_of([]) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", " is empty"),
        ("# nothing\n", " is empty"),
        ("- a\n- b\n", ":1: the file should be a mapping of fields to values"),
        ("a: 1\nb: 2\na: 3\n", ":3: a is already given in line 1"),
        ("a:\n  b: 1\n  b: 2\n  b: 3\n", ":3: a.b is already given in line 2\n"),
        ("a: 1\n\tb: 2\n", ":2: the file has a tab where YAML wants spaces"),
        ("a: 1\nb: [1\n", ":3: the file is not YAML: expected ',' or ']'"),
        ("a: 1\nb: *c\n", ":2: the file is not YAML: found undefined alias 'c'"),
        ("a: 1\n---\nb: 1\n", ":2: the file is not YAML: but found another document"),
        (b"a: 1\nb: \xff\n", ":2: the file is not UTF-8 text"),
        ("a: 1\nb: \x07\n", ":2: the file holds the control character U+0007"),
        ("a: !!set {b}\n", ":1: a has the tag tag:yaml.org,2002:set, which has no meaning here"),
        ("a: !!timestamp b\n", ":1: a has the tag timestamp, which has no meaning here"),
        ("a: !!int b\n", ":1: a should be a number, not 'b'"),
        ("? [a]\n: b\n", ":1: the file should have text as its keys"),
        ("a: 1e999\n", ":1: a should be a finite number, not 1e999"),
        (f"a: {'1' * 19}\n", ":1: a should have at most 18 digits"),
        ('a: "\\ud800"\n', ":1: a holds half of a surrogate pair, which is not text"),
        ('a: "\\UFFFFFFFF"\n', " is not YAML that can be read"),
        ("a: &a [*a]\n", ":1: a.0 is nested deeper than 50 levels"),
        ("a: " + "[" * 5000, " is not YAML that can be read"),
    ],
)
def test_what_is_no_document_is_told_with_its_line(
    tmp_path: Path, text: str | bytes, expected: str
) -> None:
    with pytest.raises(InvalidScenario) as caught:
        document(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/file.yaml{expected}")


def test_aliases_of_aliases_do_not_fill_the_memory(tmp_path: Path) -> None:
    laughs = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
    with pytest.raises(InvalidScenario, match="holds more than 100,000 values"):
        document(tmp_path, f"a0: &a0 [lol]\n{laughs}")


def test_a_value_by_itself_is_read_as_in_a_document() -> None:
    assert parse_value("6") == 6
    assert parse_value("{a: [1, on]}") == {"a": [1, "on"]}
    assert parse_value("") is None
    with pytest.raises(ValueError, match="should be one value"):
        parse_value("1\nb: 2")
    with pytest.raises(ValueError, match="is not YAML"):
        parse_value("]")
