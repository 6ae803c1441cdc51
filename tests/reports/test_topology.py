"""The platform as a graph, and its layout."""

from itertools import combinations

from reports.charts.layered import layered
from reports.topology import topology
from scenarios.load import load_scenario

GAP = 10.0


def test_the_routes_of_the_baseline_become_its_edges() -> None:
    shown = topology(load_scenario("baseline"))
    edges = {(edge.source, edge.target, edge.verb) for edge in shown.edges}
    assert edges == {
        ("clients", "edge", "calls"),
        ("edge", "gateway", "calls"),
        ("gateway", "catalog", "calls"),
        ("gateway", "studio", "calls"),
        ("catalog", "titles", "looks up"),
        ("catalog", "titles", "invalidates"),
        ("catalog", "main", "reads"),
        ("catalog", "main", "writes"),
        ("studio", "render", "submits"),
        ("render", "render_worker", "hands out"),
        ("render_worker", "renders", "looks up"),
    }
    [reads] = [edge for edge in shown.edges if edge.verb == "reads"]
    assert reads.classes == ("read_title", "list_titles")
    assert reads.traffic == 0.9


def test_a_station_that_no_request_comes_by_is_named_and_not_drawn() -> None:
    scenario = load_scenario("baseline", ["workload.mix={read_title: 1}"])
    shown = topology(scenario)
    assert {"studio", "render_worker", "render", "renders"} == set(shown.unused)
    assert "studio" not in {node.name for node in shown.nodes}


def test_each_node_stands_behind_all_that_call_it_and_none_overlap() -> None:
    links = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "d"), ("c", "e"), ("b", "f")]
    sizes = dict.fromkeys("abcdef", 30.0)
    layout = layered(sizes, links, GAP)
    assert layout.layer == {"a": 0, "b": 1, "c": 1, "d": 2, "e": 2, "f": 2}
    for one, other in combinations(sizes, 2):
        if layout.layer[one] == layout.layer[other]:
            assert abs(layout.across[one] - layout.across[other]) >= 30.0 + GAP - 1e-9


def test_an_edge_over_several_layers_passes_beside_the_nodes_between() -> None:
    sizes = dict.fromkeys("abcd", 30.0)
    layout = layered(sizes, [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")], GAP)
    route = layout.routes["a", "d"]
    assert [layer for layer, _ in route] == [0, 1, 2, 3]
    for layer, across in route[1:-1]:
        [node] = [name for name in "bc" if layout.layer[name] == layer]
        assert abs(across - layout.across[node]) >= 15.0 + GAP


def test_services_that_call_each_other_are_laid_out_all_the_same() -> None:
    layout = layered(dict.fromkeys("abc", 30.0), [("a", "b"), ("b", "c"), ("c", "b")], GAP)
    assert layout.layer == {"a": 0, "b": 1, "c": 2}
    assert layout.routes["c", "b"] == layout.routes["b", "c"][::-1]


def test_the_order_of_a_layer_avoids_crossings() -> None:
    # As written, b-d and c-e would cross.
    layout = layered(
        dict.fromkeys("abcde", 30.0), [("a", "b"), ("a", "c"), ("c", "d"), ("b", "e")], GAP
    )
    left = layout.across["b"] < layout.across["c"]
    assert (layout.across["e"] < layout.across["d"]) is left
