"""Where the two worlds scaled a service differently, in a sentence each."""

from collections.abc import Iterator, Sequence

from scenarios.records import RunRecord

_STEPS_MAX = 6
"""A longer way is told by its number of steps and its ends."""


def scaling_differences(predicted: RunRecord, measured: RunRecord) -> list[str]:
    """Return a sentence for each service whose replicas went another way than was predicted.

    Only the order of the numbers is compared, not when they changed: that is in the charts.
    """
    simulated, live = _ways(predicted), _ways(measured)
    return [
        f"The replicas of {service} went another way than predicted: live "
        f"{_told(live.get(service))}, simulated {_told(simulated.get(service))}."
        for service in sorted(simulated.keys() | live.keys())
        if simulated.get(service) != live.get(service)
    ]


def _ways(record: RunRecord) -> dict[str, list[int]]:
    """Return by service the numbers of replicas that were asked for, the first one included."""
    ways: dict[str, list[int]] = {}
    for service, before, after in _changes(record):
        ways.setdefault(service, [before]).append(after)
    return ways


def _changes(record: RunRecord) -> Iterator[tuple[str, int, int]]:
    for event in record.events:
        before, arrow, after = event.detail.partition(" -> ")
        if event.kind == "scaled" and arrow and before.isdigit() and after.isdigit():
            yield event.target, int(before), int(after)


def _told(way: Sequence[int] | None) -> str:
    if way is None:
        return "they stayed as they were"
    if len(way) > _STEPS_MAX:
        return f"from {way[0]} to {way[-1]} in {len(way) - 1} steps, at most {max(way)}"
    return " → ".join(map(str, way))
