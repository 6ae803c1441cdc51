"""Laws of the judge of registers: it believes what happened, and nothing else."""

from itertools import combinations, permutations

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from properties.checkers.linearizability import Access, Read, Swap, Value, Write, linearizable
from properties.checkers.register_histories import Execution, executions, tiny_histories
from properties.checkers.verdict import Verdict
from properties.profiles import scaled


@given(executions())
def test_what_really_happened_holds(execution: Execution) -> None:
    assert linearizable(execution.accesses)


@given(executions(all_answered=True), st.data())
def test_a_read_of_what_was_overwritten_long_ago_is_found(
    execution: Execution, data: st.DataObject
) -> None:
    assume(execution.written)
    stale = data.draw(st.sampled_from([None, *execution.written]))
    end_ns = max(it.returned_ns or 0 for it in execution.accesses)
    last = Access("seat", "eve", Write("news"), end_ns + 1, end_ns + 2)
    late = Access("seat", "dan", Read(stale), end_ns + 3, end_ns + 4)
    judged = linearizable([late, last, *execution.accesses])
    assert judged.verdict is Verdict.BROKEN
    assert str(late) in judged.evidence


@given(executions(), st.data())
def test_other_keys_change_nothing(execution: Execution, data: st.DataObject) -> None:
    keys = data.draw(st.lists(st.sampled_from("ab"), min_size=12, max_size=12))
    spread = [it._replace(key=key) for it, key in zip(execution.accesses, keys, strict=False)]
    used = {it.key for it in spread}
    alone = [linearizable([it for it in spread if it.key == key]).verdict for key in "ab"]
    together = linearizable(spread).verdict
    # Of a key that nobody used nothing is known, and nothing is asked.
    told = {verdict for key, verdict in zip("ab", alone, strict=True) if key in used}
    assert (together is Verdict.HOLDS) == (told == {Verdict.HOLDS})


@given(tiny_histories())
@settings(max_examples=scaled(400), deadline=None)
def test_it_says_what_trying_every_order_says(history: list[Access]) -> None:
    expected = any(
        explains(order)
        for chosen in choices(history)
        for order in permutations(chosen)
        if keeps_real_time(order)
    )
    judged = linearizable(history)
    event("holds" if expected else "broken")
    explained = Verdict.HOLDS if history else Verdict.UNKNOWN
    assert judged.verdict is (explained if expected else Verdict.BROKEN)


@given(tiny_histories())
def test_none_of_the_evidence_could_be_left_out_for_being_a_read(history: list[Access]) -> None:
    judged = linearizable(history)
    assume(judged.verdict is Verdict.BROKEN)
    by_line = {str(short): short for it in history for short in (it, it._replace(returned_ns=None))}
    shown = [by_line[line] for line in judged.evidence[1:]]
    assert not linearizable(shown)
    for left_out in shown:
        if isinstance(left_out.action, Read):
            rest = [it for it in shown if it is not left_out]
            assert linearizable(rest).verdict is not Verdict.BROKEN


@given(executions(), st.integers(0, 20))
def test_too_short_a_search_is_told_and_never_taken_for_an_answer(
    execution: Execution, steps_max: int
) -> None:
    verdict = linearizable(execution.accesses, steps_max=steps_max).verdict
    assert verdict in {Verdict.HOLDS, Verdict.UNKNOWN}


def choices(history: list[Access]) -> list[list[Access]]:
    """Return the history with any of its unanswered operations left out."""
    answered = [it for it in history if it.returned_ns is not None]
    others = [it for it in history if it.returned_ns is None and not isinstance(it.action, Read)]
    return [
        [*answered, *done]
        for count in range(len(others) + 1)
        for done in combinations(others, count)
    ]


def keeps_real_time(order: tuple[Access, ...]) -> bool:
    return not any(
        later.returned_ns is not None and later.returned_ns < earlier.invoked_ns
        for earlier, later in combinations(order, 2)
    )


def explains(order: tuple[Access, ...]) -> bool:
    held: Value = None
    for it in order:
        match it.action:
            case Read(value):
                if value != held:
                    return False
            case Write(value):
                held = value
            case Swap(expected, value, swapped):
                if it.returned_ns is not None and swapped is not (expected == held):
                    return False
                held = value if expected == held else held
    return True
