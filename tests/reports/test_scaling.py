"""A prediction of replicas that proved wrong is told where everybody reads."""

from reports.compare import compare
from reports.headline import headline
from reports.scaling import scaling_differences
from scenarios.records import Event, RunRecord, World
from tests.reports.sample import S, sample_record


def scaled(world: World, *ways: tuple[str, int, int]) -> RunRecord:
    events = [
        Event(at_ns=i * S, kind="scaled", target=service, detail=f"{before} -> {after}")
        for i, (service, before, after) in enumerate(ways)
    ]
    return sample_record(world, events=tuple(events))


def test_a_service_that_only_one_world_scaled_is_told_in_the_headline() -> None:
    predicted = scaled("simulated")
    measured = scaled("processes", ("gateway", 1, 2), ("gateway", 2, 1))
    assert headline(predicted, measured, compare(predicted, measured))[-1] == (
        "The replicas of gateway went another way than predicted: live 1 → 2 → 1, "
        "simulated they stayed as they were."
    )


def test_the_same_way_at_other_times_is_left_to_the_charts() -> None:
    predicted = scaled("simulated", ("gateway", 1, 2))
    measured = scaled("processes", ("catalog", 2, 2), ("gateway", 1, 2))
    [sentence] = scaling_differences(predicted, measured)
    assert "catalog" in sentence


def test_a_long_way_is_told_by_its_ends() -> None:
    up_and_down = [("gateway", n % 2 + 1, (n + 1) % 2 + 1) for n in range(8)]
    [sentence] = scaling_differences(scaled("simulated", *up_and_down), scaled("processes"))
    assert sentence.endswith("simulated from 1 to 1 in 8 steps, at most 2.")


def test_a_change_without_numbers_is_no_way() -> None:
    told = Event(at_ns=0, kind="scaled", target="gateway", detail="by hand")
    records = sample_record("simulated", events=(told,)), sample_record("processes")
    assert scaling_differences(*records) == []
