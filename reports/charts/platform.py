"""The platform as a drawn graph: one shape to each kind of station, edges wide with traffic.

Drawn twice, for wide pages from left to right and for narrow ones from top to bottom.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal, NamedTuple

from markupsafe import Markup

from reports.charts.layered import Layout, layered
from reports.charts.svg import drawing, element, short, text
from reports.quantities import share
from reports.topology import CLIENTS, Edge, Node, Topology

Direction = Literal["right", "down"]

_HEIGHT = 48.0
_LETTER = 7.4
_SMALL_LETTER = 6.1
_PADDING = 26.0
_WIDTH_MAX = 178.0
_WIDTH_MIN = 92.0
_NARROW_MAX = 122.0
_MARGIN = 10.0
_GAP = {"right": 20.0, "down": 12.0}
_BETWEEN_LAYERS = {"right": 56.0, "down": 38.0}
_THINNEST = 1.4
_THICKEST = 4.6

_Point = tuple[float, float]


class _Box(NamedTuple):
    x: float
    y: float
    width: float

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def top(self) -> float:
        return self.y - _HEIGHT / 2


def draw_platform(
    key: str, shown: Topology, notes: Mapping[str, str], direction: Direction
) -> Markup:
    """Return the drawing.

    Args:
        key: unique in the page.
        shown: what to draw.
        notes: by station, what a pointer on it is told.
        direction: of the flow.
    """
    widest = _WIDTH_MAX if direction == "right" else _NARROW_MAX
    widths = {node.name: _width(node, widest) for node in shown.nodes}
    extents = dict.fromkeys(widths, _HEIGHT) if direction == "right" else widths
    links = list(dict.fromkeys((edge.source, edge.target) for edge in shown.edges))
    layout = layered(extents, links, _GAP[direction])
    along = _layer_middles(layout, widths, direction)

    def place(layer: int, across: float) -> _Point:
        point = (along[layer], across + _MARGIN)
        return point if direction == "right" else point[::-1]

    boxes = {
        name: _Box(*place(layout.layer[name], layout.across[name]), widths[name]) for name in widths
    }
    between: dict[tuple[str, str], list[Edge]] = {}
    for edge in shown.edges:
        between.setdefault((edge.source, edge.target), []).append(edge)
    edges = [
        _edge(found, boxes, [place(*at) for at in layout.routes[link][1:-1]], direction, key)
        for link, found in between.items()
    ]
    nodes = [_node(node, boxes[node.name], notes.get(node.name, "")) for node in shown.nodes]
    ends = max(box.left + box.width for box in boxes.values())
    bottom = max(box.top + _HEIGHT for box in boxes.values())
    return drawing(
        key,
        "The platform",
        _described(shown),
        [_arrowhead(key), *edges, *nodes],
        size=(ends + _MARGIN, bottom + _MARGIN),
        class_=f"platform {direction}",
        at_most_natural=True,
    )


def _width(node: Node, widest: float) -> float:
    needed = max(len(node.name) * _LETTER, len(node.detail) * _SMALL_LETTER) + _PADDING
    return min(max(needed, _WIDTH_MIN), widest)


def _layer_middles(
    layout: Layout, widths: Mapping[str, float], direction: Direction
) -> list[float]:
    """Return where the middle of each layer is, along the flow."""
    middles: list[float] = []
    end = _MARGIN - _BETWEEN_LAYERS[direction]
    for layer in range(max(layout.layer.values(), default=0) + 1):
        sizes = [widths[name] for name, at in layout.layer.items() if at == layer]
        size = max(sizes) if direction == "right" else _HEIGHT
        start = end + _BETWEEN_LAYERS[direction]
        middles.append(start + size / 2)
        end = start + size
    return middles


def _edge(
    edges: list[Edge],
    boxes: Mapping[str, _Box],
    via: list[_Point],
    direction: Direction,
    key: str,
) -> Markup:
    source, target = boxes[edges[0].source], boxes[edges[0].target]
    if direction == "right":
        sign = 1 if target.x >= source.x else -1
        start = (source.x + sign * source.width / 2, source.y)
        end = (target.x - sign * (target.width / 2 + 5), target.y)
    else:
        sign = 1 if target.y >= source.y else -1
        start = (source.x, source.y + sign * _HEIGHT / 2)
        end = (target.x, target.y - sign * (_HEIGHT / 2 + 5))
    path = _curve([start, *via, end], direction)
    traffic = max(edge.traffic for edge in edges)
    width = _THINNEST + (_THICKEST - _THINNEST) * traffic
    said = "\n".join(
        f"{edge.source} {edge.verb} {edge.target} for {', '.join(edge.classes)} "
        f"({share(edge.traffic)} of the requests)"
        for edge in edges
    )
    return element(
        "g",
        element("title", said),
        element("path", d=path, class_="reach"),
        element("path", d=path, stroke_width=width, marker_end=f"url(#{key}-arrow)"),
        class_="edge",
    )


def _curve(points: list[_Point], direction: Direction) -> str:
    """Return a smooth line that leaves and enters every point along the flow."""
    path = f"M{short(points[0][0])} {short(points[0][1])}"
    for (x1, y1), (x2, y2) in pairwise(points):
        if direction == "right":
            bends = ((x1 + x2) / 2, y1), ((x1 + x2) / 2, y2)
        else:
            bends = (x1, (y1 + y2) / 2), (x2, (y1 + y2) / 2)
        path += "C" + " ".join(f"{short(x)} {short(y)}" for x, y in (*bends, (x2, y2)))
    return path


def _arrowhead(key: str) -> Markup:
    head = element("path", d="M0 0L8 4L0 8z", class_="arrow")
    marker = element(
        "marker",
        head,
        id=f"{key}-arrow",
        viewBox="0 0 8 8",
        refX="2.5",
        refY="4",
        markerWidth="7",
        markerHeight="7",
        markerUnits="userSpaceOnUse",
        orient="auto",
    )
    return element("defs", marker)


def _node(node: Node, box: _Box, note: str) -> Markup:
    fits = int((box.width - 14) / _LETTER)
    name = node.name if len(node.name) <= fits else f"{node.name[: fits - 1]}…"
    fits = int((box.width - 10) / _SMALL_LETTER)
    detail = node.detail if len(node.detail) <= fits else f"{node.detail[: fits - 1]}…"
    # The lid of a drum takes room from above.
    drop = 5 if node.kind == "database" else 0
    lines = "\n".join(part for part in (f"{node.name}: {node.kind}, {node.detail}", note) if part)
    return element(
        "g",
        element("title", lines),
        *_shape(node, box),
        text(name, box.x, box.y - 2 + drop, "name", "middle"),
        text(detail, box.x, box.y + 14 + drop, "detail", "middle"),
        class_=f"node {node.kind}",
    )


def _shape(node: Node, box: _Box) -> list[Markup]:
    left, top, width = box.left, box.top, box.width
    right, bottom = left + width, top + _HEIGHT
    if node.kind == "database":
        cap = 6.0
        drum = (
            f"M{short(left)} {short(top + cap)}v{short(_HEIGHT - 2 * cap)}"
            f"a{short(width / 2)} {cap} 0 0 0 {short(width)} 0v{short(2 * cap - _HEIGHT)}"
            f"a{short(width / 2)} {cap} 0 0 0 {short(-width)} 0z"
        )
        rim = f"M{short(left)} {short(top + cap)}a{short(width / 2)} {cap} 0 0 0 {short(width)} 0"
        lid = f"M{short(left)} {short(top + cap)}a{short(width / 2)} {cap} 0 0 1 {short(width)} 0"
        return [
            element("path", d=f"{drum}{lid}", class_="shape"),
            element("path", d=rim, class_="stroke"),
        ]
    corner = {"service": 6.0, "cache": _HEIGHT / 2, "queue": 2.0, "clients": 6.0}[node.kind]
    shape = element("rect", x=left, y=top, width=width, height=_HEIGHT, rx=corner, class_="shape")
    if node.kind == "queue":
        slots = "".join(f"M{short(right - at)} {short(top)}V{short(bottom)}" for at in (6, 12))
        return [shape, element("path", d=slots, class_="stroke")]
    return [shape]


def _described(shown: Topology) -> str:
    asked: dict[str, list[str]] = {}
    for edge in shown.edges:
        asked.setdefault(edge.source, [])
        if edge.target not in asked[edge.source]:
            asked[edge.source].append(edge.target)
    parts = [f"{source} to {', '.join(targets)}" for source, targets in asked.items()]
    return f"Requests go from {CLIENTS} through the platform: {'; '.join(parts)}."
