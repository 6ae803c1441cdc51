"""A small layered layout: nodes in columns by depth, few crossings, no edge through a node.

Longest paths give the layers; edges over several layers get a place to pass in each;
sweeps by the mean position of the neighbours put the layers in order.

Source: K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical
system structures", IEEE Transactions on Systems, Man and Cybernetics 11 (1981).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from statistics import fmean
from typing import NamedTuple

_SWEEPS = 8
_SETTLINGS = 24

Link = tuple[str, str]
_Place = str | tuple[str, str, int]
"""A node, or where an edge passes a layer."""


class Layout(NamedTuple):
    """Where everything stands: along the flow in whole layers, across it in pixels."""

    layer: dict[str, int]
    """By node, counted from 0."""

    across: dict[str, float]
    """By node, its middle; the smallest extent of all begins at 0."""

    routes: dict[Link, list[tuple[int, float]]]
    """By edge: layer and position of each place it passes, its ends included."""

    breadth: float


def layered(sizes: Mapping[str, float], links: Sequence[Link], gap: float) -> Layout:
    """Lay a graph out.

    Args:
        sizes: by node, its extent across the flow.
        links: from, to; circles are allowed, and one of their edges then points back.
        gap: between neighbours in a layer.
    """
    forward = _without_circles(sizes, links)
    layer = _depths(sizes, forward)
    chains = {link: _chain(link, layer) for link in forward}
    layers = _ordered(_filled_layers(layer, chains), chains)
    extent: dict[_Place, float] = {
        place: sizes[place] if isinstance(place, str) else gap / 2
        for places in layers
        for place in places
    }
    across = _settled(layers, chains, extent, gap)
    first = min(across[place] - extent[place] / 2 for place in across)
    last = max(across[place] + extent[place] / 2 for place in across)
    depth = {place: i for i, places in enumerate(layers) for place in places}
    routes = {
        link: [(depth[place], across[place] - first) for place in chain]
        for link, chain in chains.items()
    }
    # An edge that closes a circle was turned round for the layout; here it turns back.
    backward = {link: list(reversed(routes[link[::-1]])) for link in links if link[::-1] in routes}
    return Layout(
        layer=layer,
        across={place: across[place] - first for place in across if isinstance(place, str)},
        routes={**backward, **routes},
        breadth=last - first,
    )


def _without_circles(nodes: Mapping[str, float], links: Sequence[Link]) -> list[Link]:
    """Turn round the edges that lead back to where a search came from."""
    targets: defaultdict[str, list[str]] = defaultdict(list)
    for source, target in links:
        targets[source].append(target)
    done: set[str] = set()
    forward: dict[Link, None] = {}

    def visit(node: str, path: tuple[str, ...]) -> None:
        for target in targets[node]:
            if target in path or target == node:
                if target != node:
                    forward.setdefault((target, node))
                continue
            forward.setdefault((node, target))
            if target not in done:
                visit(target, (*path, node))
        done.add(node)

    for node in nodes:
        if node not in done:
            visit(node, ())
    return list(forward)


def _depths(nodes: Mapping[str, float], links: Sequence[Link]) -> dict[str, int]:
    depth = dict.fromkeys(nodes, 0)
    # Without circles the longest path has fewer edges than there are nodes.
    for _ in depth:
        for source, target in links:
            depth[target] = max(depth[target], depth[source] + 1)
    return depth


def _chain(link: Link, layer: Mapping[str, int]) -> list[_Place]:
    source, target = link
    between = range(layer[source] + 1, layer[target])
    return [source, *((source, target, i) for i in between), target]


def _filled_layers(
    layer: Mapping[str, int], chains: Mapping[Link, list[_Place]]
) -> list[list[_Place]]:
    layers: list[list[_Place]] = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for node, depth in layer.items():
        layers[depth].append(node)
    for (source, _), chain in chains.items():
        for i, place in enumerate(chain[1:-1], start=layer[source] + 1):
            layers[i].append(place)
    return layers


def _neighbours(
    chains: Mapping[Link, list[_Place]],
) -> tuple[dict[_Place, list[_Place]], dict[_Place, list[_Place]]]:
    before: defaultdict[_Place, list[_Place]] = defaultdict(list)
    after: defaultdict[_Place, list[_Place]] = defaultdict(list)
    for chain in chains.values():
        for left, right in pairwise(chain):
            after[left].append(right)
            before[right].append(left)
    return before, after


def _ordered(layers: list[list[_Place]], chains: Mapping[Link, list[_Place]]) -> list[list[_Place]]:
    before, after = _neighbours(chains)
    best, fewest = layers, _crossings(layers, after)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        current = [list(places) for places in best]
        order = range(1, len(current)) if down else range(len(current) - 2, -1, -1)
        for i in order:
            fixed = {place: at for at, place in enumerate(current[i - 1 if down else i + 1])}
            _sort_by_neighbours(current[i], before if down else after, fixed)
        crossings = _crossings(current, after)
        if crossings < fewest:
            best, fewest = current, crossings
    return best


def _sort_by_neighbours(
    places: list[_Place], neighbours: Mapping[_Place, list[_Place]], fixed: Mapping[_Place, int]
) -> None:
    def mean(at: int, place: _Place) -> float:
        found = [fixed[near] for near in neighbours.get(place, ()) if near in fixed]
        return fmean(found) if found else float(at)

    wanted = {place: mean(at, place) for at, place in enumerate(places)}
    places.sort(key=wanted.__getitem__)


def _crossings(layers: Sequence[Sequence[_Place]], after: Mapping[_Place, list[_Place]]) -> int:
    crossings = 0
    for left, right in pairwise(layers):
        at = {place: i for i, place in enumerate(right)}
        ends = [(i, at[near]) for i, place in enumerate(left) for near in after.get(place, ())]
        crossings += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(ends, 2))
    return crossings


def _settled(
    layers: Sequence[Sequence[_Place]],
    chains: Mapping[Link, list[_Place]],
    extent: Mapping[_Place, float],
    gap: float,
) -> dict[_Place, float]:
    """Pull each place towards the middle of its neighbours, without overlaps."""
    before, after = _neighbours(chains)
    across: dict[_Place, float] = {}
    for places in layers:
        _stack(places, across, extent, gap, dict.fromkeys(places, 0.0))
    for settling in range(_SETTLINGS):
        down = settling % 2 == 0
        for places in layers if down else reversed(layers):
            wanted = {}
            for place in places:
                sides = (before, after) if down else (after, before)
                near = sides[0].get(place) or sides[1].get(place) or [place]
                wanted[place] = fmean(across[other] for other in near)
            _stack(places, across, extent, gap, wanted)
    return across


def _stack(
    places: Sequence[_Place],
    across: dict[_Place, float],
    extent: Mapping[_Place, float],
    gap: float,
    wanted: Mapping[_Place, float],
) -> None:
    """Put ``places`` as near to where they want to be as their order and the gaps allow."""

    def apart(left: _Place, right: _Place) -> float:
        return (extent[left] + extent[right]) / 2 + gap

    low = [wanted[place] for place in places]
    for i, (left, right) in enumerate(pairwise(places), start=1):
        low[i] = max(low[i], low[i - 1] + apart(left, right))
    high = [wanted[place] for place in places]
    for i in range(len(places) - 2, -1, -1):
        high[i] = min(high[i], high[i + 1] - apart(places[i], places[i + 1]))
    # Pushed down and pushed up are both free of overlaps, and so is the middle.
    for place, down, up in zip(places, low, high, strict=True):
        across[place] = (down + up) / 2
