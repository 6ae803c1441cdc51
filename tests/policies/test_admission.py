"""Stories of a bulkhead with two places and one to wait."""

import pytest

from policies.admission import Begin, Bulkhead, BulkheadLimits, Full, StandInLine

LIMITS = BulkheadLimits(in_flight_max=2, waiting_max=1)


def test_two_begin_one_waits_and_the_fourth_is_told_at_once() -> None:
    bulkhead = Bulkhead(LIMITS)
    arrivals = [bulkhead.arrive() for _ in range(4)]
    assert arrivals == [Begin(1), Begin(2), StandInLine(3), Full()]


def test_who_waits_is_called_when_one_leaves() -> None:
    bulkhead = Bulkhead(LIMITS)
    for _ in range(3):
        bulkhead.arrive()
    assert bulkhead.leave(2) == 3
    assert (bulkhead.in_flight, bulkhead.waiting) == (2, 0)


def test_a_call_that_is_done_and_cancelled_at_once_leaves_once() -> None:
    bulkhead = Bulkhead(LIMITS)
    for _ in range(3):
        bulkhead.arrive()
    assert bulkhead.leave(1) == 3
    # Were this to call another, there would be three inside soon.
    assert bulkhead.leave(1) is None
    assert bulkhead.in_flight == 2


def test_who_gives_up_in_line_is_not_called_later() -> None:
    bulkhead = Bulkhead(LIMITS)
    for _ in range(3):
        bulkhead.arrive()
    assert bulkhead.leave(3) is None
    assert bulkhead.leave(1) is None
    assert bulkhead.in_flight == 1


@pytest.mark.parametrize(
    ("in_flight_max", "waiting_max", "complaint"),
    [
        (0, 0, "in_flight_max must be at least 1, got 0"),
        (1, -1, "waiting_max must be at least 0, got -1"),
    ],
)
def test_a_bulkhead_without_places_is_refused(
    in_flight_max: int, waiting_max: int, complaint: str
) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        BulkheadLimits(in_flight_max, waiting_max)
