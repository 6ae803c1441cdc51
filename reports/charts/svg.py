"""SVG, one element at a time; whatever is text is escaped."""

from collections.abc import Iterable
from itertools import pairwise

from markupsafe import Markup, escape

Attribute = str | float | None


def element(name: str, *children: str, **attributes: Attribute) -> Markup:
    """Return one element.

    Args:
        name: of the element.
        children: markup as it is; anything else is text, and is escaped.
        attributes: a trailing underscore is dropped, others become hyphens; None is left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(escape(child) for child in children)
    # Every part of it is escaped: the names are ours, the rest went through escape.
    return Markup(f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>")  # noqa: S704  # see above


def drawing(
    key: str,
    title: str,
    description: str,
    children: Iterable[str],
    *,
    size: tuple[float, float],
    class_: str = "",
    at_most_natural: bool = False,
) -> Markup:
    """Return a whole drawing, which says what it shows to those who cannot see it.

    Args:
        key: unique in the page; for its identifiers.
        title: what it is.
        description: what it shows, in a sentence.
        children: what is drawn, from back to front.
        size: width and height; the drawing scales to its place.
        class_: for the style sheet.
        at_most_natural: whether its size is also the largest it is shown at.
    """
    return element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", description, id=f"{key}-desc"),
        *children,
        viewBox=f"0 0 {short(size[0])} {short(size[1])}",
        width=size[0] if at_most_natural else None,
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
        class_=class_ or None,
    )


def text(content: str, x: float, y: float, class_: str, anchor: str = "start") -> Markup:
    """Return ``content`` at a place; ``anchor`` is start, middle or end."""
    return element(
        "text", content, x=x, y=y, class_=class_, text_anchor=None if anchor == "start" else anchor
    )


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """Return a straight line."""
    return element("path", d=f"M{short(x1)} {short(y1)}L{short(x2)} {short(y2)}", class_=class_)


def path_through(points: Iterable[tuple[float, float] | None]) -> str:
    """Return the path data of a line through ``points``; None interrupts it.

    A point that stands alone becomes a dot, where the line's ends are round.
    """
    pieces: list[str] = []
    padded = [None, *points, None]
    for i, (before, point) in enumerate(pairwise(padded[:-1])):
        if point is None:
            continue
        after = padded[i + 2]
        written = f"{short(point[0])} {short(point[1])}"
        if before is not None:
            pieces.append(f"L{written}")
        else:
            pieces.append(f"M{written}" if after is not None else f"M{written}h0")
    return "".join(pieces)


def short(value: float) -> str:
    """Return ``value`` to a tenth, which no eye tells from the whole number of digits."""
    # Adding nothing turns -0.0 into 0.0.
    return f"{round(value, 1) + 0.0:g}"


def _attribute(value: str | float) -> str:
    return str(escape(value)) if isinstance(value, str) else short(value)
