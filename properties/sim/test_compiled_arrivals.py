"""The compiled engine's arrivals are those of the readable generator, one by one."""

import tempfile
from collections.abc import Iterator
from itertools import cycle, islice, zip_longest
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from properties.profiles import scaled
from properties.strategies.traffic import ARRIVALS, constants, traffic
from scenarios.load import load_scenario
from scenarios.spec import Scenario
from scenarios.trace import TraceEntry, TraceWriter
from scenarios.workload import TraceArrivals, TraceSource
from sim.arrivals import Arrival, arrivals, tiers_of
from sim.compiled.arrivals import BLOCK, ArrivalBlocks
from sim.streams import request_key, seed_key

MOST = BLOCK + 100
"""Arrivals that are looked at in one run: the second block is reached."""

the_first_example_pays_for_the_compiler = settings(deadline=None, max_examples=scaled(40))


def in_blocks(scenario: Scenario) -> Iterator[tuple[Arrival, int]]:
    """Return the compiled arrivals as the readable ones are, each with the key of its draws."""
    blocks = ArrivalBlocks(scenario)
    classes, tiers = list(scenario.classes), list(tiers_of(scenario))
    while rows := blocks.fill():
        columns = (
            blocks.at_ns,
            blocks.class_index,
            blocks.tier,
            blocks.user,
            blocks.key,
            blocks.draw_key,
        )
        listed = zip(*(column[:rows].tolist() for column in columns), strict=True)
        for index, row in enumerate(listed, blocks.first_index):
            at_ns, class_index, tier, user, about, draw_key = row
            name = tiers[tier]
            yield (
                Arrival(index, at_ns, classes[class_index], name, f"{name}-{user}", about),
                draw_key,
            )
    assert blocks.fill() == 0, "what has come to its end stays there"


def agree(scenario: Scenario, most: int | None = MOST) -> None:
    seed = seed_key(scenario.seed)
    both = zip_longest(islice(arrivals(scenario), most), islice(in_blocks(scenario), most))
    for expected, found in both:
        assert expected is not None
        assert found == (expected, request_key(seed, expected.index))


@pytest.mark.parametrize("kind", ARRIVALS)
@given(data=st.data())
@the_first_example_pays_for_the_compiler
def test_drawn_arrivals(kind: str, data: st.DataObject) -> None:
    agree(data.draw(traffic(ARRIVALS[kind])))


def test_recorded_arrivals() -> None:
    agree(load_scenario("recorded_trace"), most=None)


@given(scenario=traffic(constants()), count=st.integers(1, BLOCK + 100), data=st.data())
@settings(the_first_example_pays_for_the_compiler, max_examples=scaled(10))
def test_recorded_arrivals_of_any_scenario(
    scenario: Scenario, count: int, data: st.DataObject
) -> None:
    entries = data.draw(st.lists(_entries(scenario), min_size=1, max_size=5))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.csv"
        with path.open("w", encoding="utf-8") as file:
            writer = TraceWriter(file)
            for number, entry in enumerate(islice(cycle(entries), count)):
                writer.write(entry._replace(at_ns=number * 1_000_000))
        replayed = TraceArrivals(trace=TraceSource(file=str(path)))
        workload = scenario.workload.model_copy(update={"arrivals": replayed})
        agree(scenario.model_copy(update={"workload": workload}))


def _entries(scenario: Scenario) -> st.SearchStrategy[TraceEntry]:
    return st.builds(
        TraceEntry,
        at_ns=st.just(0),
        class_name=st.sampled_from(["", *scenario.classes]),
        key=st.sampled_from([0, 1, 7, 10**17]),
        user=st.sampled_from(["", "ada", "bob"]),
    )
