"""Stories of a limit of ten that learns."""

import pytest

from policies.concurrency_limit import (
    SCALE,
    ConcurrencyLimit,
    ConcurrencyLimits,
    Ending,
    raised_step,
)

LIMITS = ConcurrencyLimits(limit_min=2, limit_start=10, limit_max=11, back_off_percent=50)


def all_that_may(calls: ConcurrencyLimit) -> list[int]:
    """Return the tickets of as many calls as go out."""
    tickets = []
    while (ticket := calls.admit()) is not None:
        tickets.append(ticket)
    return tickets


def test_successes_of_a_limit_that_is_used_lift_it_up_to_its_maximum() -> None:
    calls = ConcurrencyLimit(LIMITS)
    for _ in range(3):
        for ticket in all_that_may(calls):
            calls.ended(ticket, Ending.SUCCESS)
    # Half of each round's successes come while it is used: one and a half would be too much.
    assert calls.limit == 11
    assert len(all_that_may(calls)) == 11


def test_one_hiccup_by_which_all_time_out_cuts_it_once() -> None:
    calls = ConcurrencyLimit(LIMITS)
    for ticket in all_that_may(calls):
        calls.ended(ticket, Ending.OVERLOAD)
    assert calls.limit == 5
    calls.ended(all_that_may(calls)[0], Ending.OVERLOAD)
    assert calls.limit == 2


def test_a_call_that_is_cancelled_says_nothing() -> None:
    calls = ConcurrencyLimit(LIMITS)
    for ticket in all_that_may(calls):
        calls.ended(ticket, Ending.NEITHER)
    assert (calls.limit, calls.in_flight) == (10, 0)


def test_a_ticket_that_comes_back_twice_frees_one_place() -> None:
    calls = ConcurrencyLimit(LIMITS)
    tickets = all_that_may(calls)
    calls.ended(tickets[0], Ending.NEITHER)
    calls.ended(tickets[0], Ending.OVERLOAD)
    assert (calls.limit, calls.in_flight) == (10, 9)


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ({"limit_min": 0}, "must ascend from 1 to 1000000, got 0, 10 and 20"),
        ({"limit_start": 21}, "must ascend from 1 to 1000000, got 1, 21 and 20"),
        ({"limit_max": 10**6 + 1}, "must ascend from 1 to 1000000"),
        ({"back_off_percent": 0}, "back_off_percent must be from 1 to 99, got 0"),
        ({"back_off_percent": 100}, "back_off_percent must be from 1 to 99, got 100"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"{complaint}"):
        ConcurrencyLimits(**{"limit_start": 10, "limit_max": 20, **limits})


def test_even_at_the_highest_limit_a_success_counts() -> None:
    highest = ConcurrencyLimits(limit_start=10**6, limit_max=10**6)
    assert raised_step((highest.limit_max - 1) * SCALE, highest.limit_max * SCALE) % SCALE == 1
