"""Reads a report as a browser would, with the standard library alone."""

from html.parser import HTMLParser
from pathlib import Path

_VOID = {"meta", "link", "br", "hr", "img", "input", "source", "track", "wbr", "col", "base"}


class Page(HTMLParser):
    """A parsed page: its sections' text, its tables' cells, and every attribute."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.attributes: list[tuple[str, str, str]] = []
        """Tag, attribute, value."""

        self.sections: dict[str, str] = {}
        """By identifier, all text of a section, in order."""

        self.rows: dict[str, list[list[str]]] = {}
        """By identifier of the section, the cells of each row of its tables."""

        self.scripts = 0
        self._open: list[tuple[str, str]] = []
        self._cell: list[str] | None = None
        self.feed(self.source)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that opens."""
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.scripts += tag == "script"
        if tag not in _VOID:
            self._open.append((tag, dict(attrs).get("id") or ""))
        section = self._section
        if tag == "tr" and section:
            self.rows.setdefault(section, []).append([])
        if tag in {"td", "th"} and section:
            self._cell = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element without content."""
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """Close the element opened last, which must be this one."""
        opened, _ = self._open.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}>"
        if tag in {"td", "th"} and self._cell is not None:
            assert self._section is not None
            self.rows[self._section][-1].append(" ".join(" ".join(self._cell).split()))
            self._cell = None

    def handle_data(self, data: str) -> None:
        """Note text."""
        if self._cell is not None:
            self._cell.append(data)
        if self._section:
            self.sections[self._section] = f"{self.sections.get(self._section, '')} {data}"

    def text(self, section: str) -> str:
        """Return the text of a section, its white space made single spaces."""
        return " ".join(self.sections[section].split())

    @property
    def identifiers(self) -> list[str]:
        """All identifiers, in order."""
        return [value for _, name, value in self.attributes if name == "id"]

    @property
    def _section(self) -> str | None:
        return next((name for tag, name in reversed(self._open) if tag == "section"), None)
