"""Laws of the judge of sums: it misses no request, and none too many."""

from hypothesis import given
from hypothesis import strategies as st

from properties.checkers.conservation import conserved, jobs_conserved
from properties.checkers.verdict import Verdict
from scenarios.history import Operation, Outcome


def operation(number: int, class_name: str, outcome: Outcome, attempt: int = 1) -> Operation:
    returned_ns = None if outcome is Outcome.UNKNOWN else number + attempt
    return Operation(number, class_name, number, number, returned_ns, outcome, attempt)


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """Some requests of two classes, some tried again, all ended."""
    told = []
    for number in range(draw(st.integers(1, 8))):
        class_name = draw(st.sampled_from(["read", "film"]))
        outcomes = draw(st.lists(st.sampled_from(Outcome), min_size=1, max_size=3))
        told += [
            operation(number, class_name, outcome, attempt)
            for attempt, outcome in enumerate(outcomes, start=1)
        ]
    return draw(st.permutations(told))


def offered(history: list[Operation]) -> set[tuple[int, str]]:
    return {(it.id, it.class_name) for it in history}


@given(histories())
def test_a_history_in_which_everything_ended_holds_and_adds_up(history: list[Operation]) -> None:
    judged = conserved(offered(history), history)
    assert judged
    asked = sum(int(line.split()[1]) for line in judged.evidence)
    assert asked == len(offered(history))


@given(histories(), st.data())
def test_each_lost_request_is_told(history: list[Operation], data: st.DataObject) -> None:
    lost = data.draw(st.sampled_from(history)).id
    judged = conserved(offered(history), [it for it in history if it.id != lost])
    assert judged.verdict is Verdict.BROKEN
    assert judged.evidence[0].startswith("lost: ")
    assert f" {lost} " in judged.evidence[0]


@given(histories(), st.data())
def test_each_request_that_ended_twice_was_invented_or_changed_is_told(
    history: list[Operation], data: st.DataObject
) -> None:
    one = data.draw(st.sampled_from(history))
    for wrong, word in (
        (one, "twice: "),
        (one._replace(id=99), "invented: "),
        (one._replace(class_name="other", attempt=9), "changed: "),
    ):
        judged = conserved(offered(history), [*history, wrong])
        assert judged.verdict is Verdict.BROKEN
        [line] = judged.evidence
        assert line.startswith(word)


@given(histories(), st.data())
def test_jobs_are_those_acknowledged_and_maybe_those_without_an_answer(
    history: list[Operation], data: st.DataObject
) -> None:
    outcomes = {it.id: {each.outcome for each in history if each.id == it.id} for it in history}
    sure = {number for number, told in outcomes.items() if Outcome.OK in told}
    maybe = {number for number, told in outcomes.items() if Outcome.UNKNOWN in told} - sure
    done = data.draw(st.sets(st.sampled_from(range(9))))
    jobs = [operation(number, "render", Outcome.OK) for number in sorted(done)]
    assert bool(jobs_conserved(history, jobs)) == (sure <= done <= sure | maybe)
    assert bool(jobs_conserved(history, jobs, drained=False)) == (done <= sure | maybe)
    assert jobs_conserved(history, [*jobs, *jobs]).verdict is (
        Verdict.BROKEN if jobs or sure else Verdict.HOLDS
    )
