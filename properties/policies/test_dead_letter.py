"""Laws of redelivery, for jobs that fail in every way and in any order."""

from hypothesis import given
from hypothesis import strategies as st

from policies.dead_letter import (
    DeadLetter,
    Deliveries,
    Failure,
    Redeliver,
    RedeliveryLimits,
    failure_of_status,
)
from properties.strategies import uniforms

FAILURES = st.sampled_from([Failure.TRANSIENT, Failure.TRANSIENT, Failure.SILENT])


@st.composite
def limits(draw: st.DrawFn) -> RedeliveryLimits:
    base_ns = draw(st.sampled_from([1, 3, 1000, 2**52]))
    attempts_max = draw(st.integers(1, 6))
    return RedeliveryLimits(
        attempts_max=attempts_max,
        base_ns=base_ns,
        cap_ns=min(base_ns * draw(st.sampled_from([1, 3, 4, 100])), 2**53),
        jitter_percent=draw(st.sampled_from([0, 1, 50, 100])),
        silent_max=draw(st.none() | st.integers(1, attempts_max)),
        requeues_max=draw(st.integers(0, 2)),
    )


def life(
    limits: RedeliveryLimits, deliveries: Deliveries, failures: list[Failure], uniform: float
) -> tuple[Deliveries, list[int], DeadLetter | None]:
    """Live through these failures; return what was counted, the waits, and the end."""
    waits_ns: list[int] = []
    for failure in failures:
        begun = limits.begin(deliveries)
        if isinstance(begun, DeadLetter):
            return deliveries, waits_ns, begun
        deliveries = begun
        match limits.after(begun, failure, uniform):
            case Redeliver(delay_ns, deliveries):
                waits_ns.append(delay_ns)
            case DeadLetter() as end:
                return deliveries, waits_ns, end
    return deliveries, waits_ns, None


@given(limits=limits(), failures=st.lists(FAILURES, min_size=6), uniform=uniforms())
def test_whatever_fails_a_job_is_dead_after_at_most_so_many_attempts(
    limits: RedeliveryLimits, failures: list[Failure], uniform: float
) -> None:
    deliveries, _, end = life(limits, Deliveries(), failures, uniform)
    assert end is not None
    assert 1 <= deliveries.attempts <= limits.attempts_max
    silent = failures[: deliveries.attempts].count(Failure.SILENT)
    if limits.silent_max is not None and silent >= limits.silent_max:
        assert end == DeadLetter("poison")
    else:
        assert (end, deliveries.attempts) == (DeadLetter("attempts"), limits.attempts_max)


@given(limits=limits())
def test_no_more_attempts_begin_even_if_nobody_learns_how_they_end(
    limits: RedeliveryLimits,
) -> None:
    deliveries: Deliveries | DeadLetter = Deliveries()
    for attempt in range(1, limits.attempts_max + 1):
        assert isinstance(deliveries, Deliveries)
        deliveries = limits.begin(deliveries)
        assert deliveries == Deliveries(attempts=attempt)
    assert isinstance(deliveries, Deliveries)
    assert limits.begin(deliveries) == DeadLetter("attempts")


@given(limits=limits(), failures=st.lists(FAILURES, min_size=6), uniform=uniforms())
def test_no_wait_is_shorter_than_the_schedule_nor_longer_than_its_jitter(
    limits: RedeliveryLimits, failures: list[Failure], uniform: float
) -> None:
    _, waits_ns, _ = life(limits, Deliveries(), failures, uniform)
    for attempt, wait_ns in enumerate(waits_ns, start=1):
        least_ns = min(limits.base_ns * 2 ** (attempt - 1), limits.cap_ns)
        assert least_ns <= wait_ns <= least_ns + least_ns * limits.jitter_percent // 100


@given(limits=limits(), failures=st.lists(FAILURES, max_size=6), uniform=uniforms())
def test_what_is_hopeless_is_dead_at_once_whatever_came_before(
    limits: RedeliveryLimits, failures: list[Failure], uniform: float
) -> None:
    deliveries, _, end = life(limits, Deliveries(), failures, uniform)
    if end is None:
        begun = limits.begin(deliveries)
        assert isinstance(begun, Deliveries)
        assert limits.after(begun, Failure.PERMANENT, uniform) == DeadLetter("permanent")


@given(
    limits=limits(),
    lives=st.lists(st.lists(FAILURES, min_size=6), min_size=4, max_size=4),
    uniform=uniforms(),
)
def test_a_requeue_gives_all_attempts_again_only_so_often_and_nothing_is_forgotten(
    limits: RedeliveryLimits, lives: list[list[Failure]], uniform: float
) -> None:
    deliveries = Deliveries()
    begun = 0
    for requeues, failures in enumerate(lives):
        assert (deliveries.attempts, deliveries.silent) == (0, 0)
        assert (deliveries.requeues, deliveries.earlier_attempts) == (requeues, begun)
        fresh = life(limits, Deliveries(), failures, uniform)
        deliveries, waits_ns, end = life(limits, deliveries, failures, uniform)
        assert (waits_ns, end) == fresh[1:]
        begun += deliveries.attempts
        again = limits.requeue(deliveries)
        assert (again is None) == (requeues >= limits.requeues_max)
        if again is None:
            return
        deliveries = again


@given(status=st.integers(400, 599))
def test_no_refusal_is_asked_again_but_those_that_say_so(status: int) -> None:
    if failure_of_status(status) is Failure.TRANSIENT:
        assert status >= 500 or status in {408, 425, 429}
