"""Histories of one register: as they really come about, and as nobody would believe."""

from typing import NamedTuple

from hypothesis import strategies as st

from properties.checkers.linearizability import Access, Action, Read, Swap, Value, Write

CLIENTS = ("ada", "bob", "cyd")


class Execution(NamedTuple):
    """What clients saw of a register that really was one."""

    accesses: tuple[Access, ...]
    written: tuple[Value, ...]
    """What it held, one after the other, the initial None left out."""


@st.composite
def executions(draw: st.DrawFn, *, all_answered: bool = False) -> Execution:
    """Accesses that overlap, each done at an instant of its own; every write writes another value.

    Args:
        draw:         given by Hypothesis.
        all_answered: whether every answer arrives; else some get lost, some with the request.
    """
    held: Value = None
    written: list[Value] = []
    accesses: list[Access] = []
    now_ns = 0
    for number in range(draw(st.integers(1, 12))):
        now_ns += draw(st.sampled_from([1, 1, 5]))
        earlier_ns, later_ns = draw(st.integers(0, 8)), draw(st.integers(0, 8))
        answered = all_answered or draw(st.integers(0, 3)) > 0
        lost = not answered and draw(st.booleans())
        action, after = _done(draw, number, held, written)
        if not lost and after != held:
            written.append(after)
            held = after
        returned_ns = now_ns + later_ns if answered else None
        client = draw(st.sampled_from(CLIENTS))
        accesses.append(Access("seat", client, action, max(0, now_ns - earlier_ns), returned_ns))
    return Execution(tuple(draw(st.permutations(accesses))), tuple(written))


def _done(draw: st.DrawFn, number: int, held: Value, written: list[Value]) -> tuple[Action, Value]:
    """Return an action done on a register that holds ``held``, and what it holds then."""
    kind = draw(st.sampled_from(["read", "read", "write", "swap"]))
    if kind == "read":
        return Read(held), held
    if kind == "write":
        return Write(number), number
    expected = draw(st.sampled_from([held, held, None, *written]))
    swapped = expected == held
    return Swap(expected, number, swapped), number if swapped else held


@st.composite
def tiny_histories(draw: st.DrawFn) -> list[Access]:
    """A handful of accesses, most of which meet the next one; some have no explanation."""
    accesses: list[Access] = []
    now_ns = 0
    for _ in range(draw(st.integers(0, 5))):
        now_ns += draw(st.sampled_from([0, 1, 2, 2, 3]))
        value, expected = draw(st.integers(1, 2)), draw(st.sampled_from([None, 1]))
        swap = Swap(expected, value, draw(st.booleans()))
        actions: tuple[Action, ...] = (Read(None), Read(value), Write(value), swap)
        action = actions[draw(st.sampled_from([0, 1, 1, 2, 2, 3]))]
        length_ns = draw(st.sampled_from([0, 1, 3, 3, 9, None]))
        returned_ns = None if length_ns is None else now_ns + length_ns
        accesses.append(Access("seat", "ada", action, now_ns, returned_ns))
    return draw(st.permutations(accesses))
