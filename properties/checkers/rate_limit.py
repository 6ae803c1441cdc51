"""Judges rate limits by what clients saw: neither too many admitted nor anybody refused unjustly.

A client knows when it sent a request and when it had the answer; in between, somewhere, it was
decided. Too many are admitted only if they were for certain: their whole intervals lie within
less than a window. A refusal is unjust only if it was for certain: wherever in its interval it
was decided, too few others can have been admitted within a window before.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple

from policies.rate_limit import RateLimit
from properties.checkers.verdict import Judgement, broken, holds, unknown, worst
from scenarios.history import Operation, Outcome

TOO_MANY_REQUESTS = 429
NEVER_NS = 2**62


class Fate(Enum):
    """What became of a request at the limiter."""

    ADMITTED = auto()
    REFUSED = auto()
    PERHAPS_ADMITTED = auto()
    """No answer, or one that tells nothing about the limit."""


class Ask(NamedTuple):
    """One request that a limit decided on, as its client saw it."""

    user: str
    invoked_ns: int
    returned_ns: int
    """``NEVER_NS`` if no answer came."""

    fate: Fate


def ask_of(operation: Operation) -> Ask:
    """Return what an operation of a history tells about a limit."""
    if operation.outcome is Outcome.OK:
        fate = Fate.ADMITTED
    elif operation.status == TOO_MANY_REQUESTS:
        fate = Fate.REFUSED
    else:
        fate = Fate.PERHAPS_ADMITTED
    never = operation.returned_ns is None
    returned_ns = NEVER_NS if never else operation.returned_ns
    assert returned_ns is not None
    return Ask(operation.user, operation.invoked_ns, returned_ns, fate)


def enforced(
    asks: Iterable[Ask], limits: Mapping[str, RateLimit], *, slack_ns: int = 0
) -> Judgement:
    """Judge all users' requests, in both directions.

    Args:
        asks: what users asked, in any order.
        limits: user -> limit. Whoever is not in it must never be refused.
        slack_ns: how far clocks of client and limiter may drift apart within a window.

    Returns:
        Unknown, if nobody asked anything.
    """
    by_user: defaultdict[str, list[Ask]] = defaultdict(list)
    for ask in asks:
        by_user[ask.user].append(ask)
    if not by_user:
        return unknown("nobody asked anything")
    return worst(
        judge
        for user, own in by_user.items()
        for judge in (
            (
                no_window_too_full(own, limits[user], slack_ns=slack_ns),
                no_refusal_unjust(own, limits[user], slack_ns=slack_ns),
            )
            if user in limits
            else (_never_refused(own),)
        )
    )


def no_window_too_full(asks: Sequence[Ask], limit: RateLimit, *, slack_ns: int = 0) -> Judgement:
    """Judge whether some true window certainly holds more admitted requests than the limit.

    Unknown, if nothing was asked.

    Args:
        asks: of one user.
        limit: the user's.
        slack_ns: as above.
    """
    if not asks:
        return unknown("nothing was asked")
    admitted = sorted(ask for ask in asks if ask.fate is Fate.ADMITTED)
    ends_ns: list[int] = []
    # From the last beginning backwards, so that all that began later is already there.
    for ask in reversed(admitted):
        insort(ends_ns, ask.returned_ns)
        until_ns = ask.invoked_ns + limit.window_ns - slack_ns
        inside = bisect_left(ends_ns, until_ns)
        if inside > limit.requests:
            held = [one for one in admitted if one >= ask and one.returned_ns < until_ns]
            return broken(
                f"{inside} of {ask.user} admitted within {limit.window_ns} ns, not "
                f"{limit.requests}:",
                *(f"  sent at {one.invoked_ns}, answered at {one.returned_ns}" for one in held),
            )
    return holds()


def no_refusal_unjust(asks: Sequence[Ask], limit: RateLimit, *, slack_ns: int = 0) -> Judgement:
    """Judge whether some refusal certainly came although there was room.

    Unknown, if nothing was asked.

    Args:
        asks: of one user.
        limit: the user's.
        slack_ns: as above.
    """
    if not asks:
        return unknown("nothing was asked")
    maybe = [ask for ask in asks if ask.fate is not Fate.REFUSED]
    begins_ns = sorted(ask.invoked_ns for ask in maybe)
    ends_ns = sorted(ask.returned_ns for ask in maybe)
    reach_ns = limit.window_ns + slack_ns

    def held_at(decided_ns: int) -> int:
        begun = bisect_left(begins_ns, decided_ns + 1)
        return begun - bisect_left(ends_ns, decided_ns - reach_ns + 1)

    for ask in asks:
        if ask.fate is not Fate.REFUSED:
            continue
        # What a window can hold grows only where another request begins.
        begun_later = begins_ns[
            bisect_left(begins_ns, ask.invoked_ns) : bisect_left(begins_ns, ask.returned_ns + 1)
        ]
        most = max(map(held_at, [ask.invoked_ns, *begun_later]))
        if most < limit.requests:
            return broken(
                f"{ask.user} was refused between {ask.invoked_ns} and {ask.returned_ns}, when at "
                f"most {most} of {limit.requests} can have been admitted within "
                f"{limit.window_ns} ns"
            )
    return holds()


def _never_refused(asks: Sequence[Ask]) -> Judgement:
    for ask in asks:
        if ask.fate is Fate.REFUSED:
            return broken(f"{ask.user} has no limit and was refused at {ask.invoked_ns}")
    return holds()
