"""Whether a key behaved as one register: as if each operation had happened at one instant.

A history is linearizable if each operation can be given an instant between its invocation and its
return so that, in the order of these instants, every read finds what was written last. Keys are
independent: a history is linearizable exactly when it is so for each key alone.

The search is Wing and Gong's, with Lowe's memory of what was tried before. It is exponential in
how many operations of a key overlap; it counts its steps, and gives up rather than guess.

Source: M. Herlihy, J. Wing, "Linearizability: a correctness condition for concurrent objects"
(1990); J. Wing, C. Gong, "Testing and verifying concurrent objects" (1993); G. Lowe, "Testing for
linearizability" (2017).
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from properties.checkers.verdict import Judgement, Verdict, broken, holds, unknown, worst

STEPS_MAX: Final = 200_000

Value: TypeAlias = Hashable
"""What a key holds; None where it holds nothing."""


class Read(NamedTuple):
    """Found ``value``."""

    value: Value

    def __str__(self) -> str:
        return f"read {self.value}"


class Write(NamedTuple):
    """Put ``value`` there, whatever was there."""

    value: Value

    def __str__(self) -> str:
        return f"wrote {self.value}"


class Swap(NamedTuple):
    """Compared and set: put ``value`` there if ``expected`` was there."""

    expected: Value
    value: Value
    swapped: bool
    """What the answer said; without an answer it does not matter."""

    def __str__(self) -> str:
        done = "swapped" if self.swapped else "did not swap"
        return f"{done} {self.expected} for {self.value}"


Action: TypeAlias = Read | Write | Swap


class Access(NamedTuple):
    """One operation on a key, as its client saw it. What certainly did not happen is left out."""

    key: Hashable
    client: str
    action: Action
    invoked_ns: int
    returned_ns: int | None
    """None without an answer: it took effect at any time since, or will, or never does."""

    def __str__(self) -> str:
        until = "no answer" if self.returned_ns is None else f"{self.returned_ns} ns"
        return f"{self.invoked_ns} ns to {until}: {self.client} {self.action}"


def linearizable(
    accesses: Iterable[Access], *, initial: Value = None, steps_max: int = STEPS_MAX
) -> Judgement:
    """Judge whether each key behaved as one register.

    Args:
        accesses:  in any order.
        initial:   what each key holds before the first of them.
        steps_max: how many steps may be searched for each key.

    Returns:
        Broken, with operations of one key that no order explains, none of which could be left out;
        unknown where the search was too long for some key, or nothing was done.

    Raises:
        ValueError: an operation returned before it was invoked.
    """
    by_key: dict[Hashable, list[Access]] = defaultdict(list)
    for access in accesses:
        if access.returned_ns is not None and access.returned_ns < access.invoked_ns:
            raise ValueError(f"returned before it was invoked: {access}")
        by_key[access.key].append(access)
    judged = [_judge(key, of_key, initial, steps_max) for key, of_key in by_key.items()]
    total = sum(map(len, by_key.values()))
    return holds(f"{total} operations explained") if judged and all(judged) else worst(judged)


def _judge(key: Hashable, accesses: Sequence[Access], initial: Value, steps_max: int) -> Judgement:
    def search(part: Sequence[Access]) -> Verdict:
        return _Search(part, initial, steps_max).verdict()

    verdict = search(accesses)
    if verdict is Verdict.HOLDS:
        return holds()
    if verdict is Verdict.UNKNOWN:
        return unknown(
            f"key {key}: gave up after {steps_max} steps among {len(accesses)} operations"
        )
    story = _smallest(accesses, lambda part: search(part) is Verdict.BROKEN)
    return broken(
        f"key {key}, which held {initial} at first; no order explains these:", *map(str, story)
    )


class _Search:
    """Looks for an order that explains the accesses of one key.

    A configuration is: the first answered access that has no instant yet, the ones after it that
    have one (bits), the unanswered ones that took effect (bits), and what the key holds.
    """

    def __init__(self, accesses: Sequence[Access], initial: Value, steps_max: int) -> None:
        in_order = sorted(accesses, key=lambda access: access.invoked_ns)
        self._answered = [it for it in in_order if it.returned_ns is not None]
        # What an unanswered read found is not known, so that it says nothing.
        self._unanswered = [
            it for it in in_order if it.returned_ns is None and not isinstance(it.action, Read)
        ]
        self._initial = initial
        self._steps_max = steps_max

    def verdict(self) -> Verdict:
        """Search until an order is found, none is left, or the steps are used up."""
        stack: list[tuple[int, int, int, Value]] = [(0, 0, 0, self._initial)]
        seen = set(stack)
        while stack:
            if len(seen) > self._steps_max:
                return Verdict.UNKNOWN
            configuration = stack.pop()
            if configuration[0] == len(self._answered):
                return Verdict.HOLDS
            for following in self._following(*configuration):
                if following not in seen:
                    seen.add(following)
                    stack.append(following)
        return Verdict.BROKEN

    def _following(
        self, first: int, later: int, effects: int, held: Value
    ) -> list[tuple[int, int, int, Value]]:
        """Return the configurations after one more instant."""
        answered = self._answered
        following = []
        # Nothing happens after the return of one that has not happened.
        until_ns = answered[first].returned_ns
        index = first
        while index < len(answered) and answered[index].invoked_ns <= _known(until_ns):
            if not later >> (index - first) & 1:
                until_ns = min(_known(until_ns), _known(answered[index].returned_ns))
                after, explained = _effect(answered[index].action, held)
                if explained:
                    step = (*_done(first, later, index), effects, after)
                    if after == held and not isinstance(answered[index].action, Write):
                        # What changes nothing and is explained now may as well happen now.
                        return [step]
                    following.append(step)
            index += 1
        for bit, access in enumerate(self._unanswered):
            if access.invoked_ns > _known(until_ns):
                break
            after = _unanswered_effect(access.action, held)
            if not effects >> bit & 1 and after != held:
                following.append((first, later, effects | 1 << bit, after))
        return following


def _done(first: int, later: int, index: int) -> tuple[int, int]:
    """Return ``first`` and ``later`` when the access at ``index`` has its instant as well."""
    later |= 1 << (index - first)
    while later & 1:
        later >>= 1
        first += 1
    return first, later


def _effect(action: Action, held: Value) -> tuple[Value, bool]:
    """Return what the key holds afterwards, and whether the answer is explained."""
    match action:
        case Read(value):
            return held, value == held
        case Write(value):
            return value, True
        case Swap(expected, value, swapped):
            return (value if swapped else held), swapped is (held == expected)


def _unanswered_effect(action: Action, held: Value) -> Value:
    match action:
        case Read():
            return held
        case Write(value):
            return value
        case Swap(expected, value):
            return value if held == expected else held


def _smallest(
    accesses: Sequence[Access], is_broken: Callable[[Sequence[Access]], bool]
) -> list[Access]:
    """Return a broken part of a broken history from which nothing more can be left out.

    What is left out must not be what made it broken: the end of the history, where what had not
    returned by then becomes unanswered; what found something; what wrote what nobody found.
    """
    returns_ns = sorted({it.returned_ns for it in accesses if it.returned_ns is not None})
    low, high = 0, len(returns_ns) - 1
    while low < high:
        middle = (low + high) // 2
        if is_broken(_until(accesses, returns_ns[middle])):
            high = middle
        else:
            low = middle + 1
    part = _until(accesses, returns_ns[low])
    size = len(part)
    while size:
        before, at = len(part), 0
        while at < len(part):
            shorter = part[:at] + part[at + size :]
            if _may_be_left_out(part[at : at + size], shorter) and is_broken(shorter):
                part = shorter
            else:
                at += size
        if len(part) == before:
            size //= 2
    return part


def _until(accesses: Sequence[Access], end_ns: int) -> list[Access]:
    """Return what was known by ``end_ns``, in the order of invocation."""
    known = [
        it if it.returned_ns is None or it.returned_ns <= end_ns else it._replace(returned_ns=None)
        for it in accesses
        if it.invoked_ns <= end_ns
    ]
    told = [it for it in known if it.returned_ns is not None or not isinstance(it.action, Read)]
    return sorted(told, key=lambda access: access.invoked_ns)


def _may_be_left_out(part: Sequence[Access], rest: Sequence[Access]) -> bool:
    """Whether a history that is explained with ``part`` is explained without it as well."""
    written = {it.action.value for it in part if not isinstance(it.action, Read)}
    if not written:
        return True
    # Where nobody looks for what a write put there, what was there before does as well; a
    # comparison looks for one value and for the absence of all others.
    compared = any(isinstance(it.action, Swap) for it in (*part, *rest))
    found = {it.action.value for it in rest if isinstance(it.action, Read)}
    return not compared and not written & found


def _known(at_ns: int | None) -> int:
    assert at_ns is not None
    return at_ns
