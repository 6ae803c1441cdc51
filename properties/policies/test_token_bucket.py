"""Laws of the token bucket: its bound in every stretch of time, reached and not exceeded."""

from copy import deepcopy
from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st

from policies.rate_limit import RateLimit
from policies.token_bucket import TokenBucket, TokenBucketLimit, gcra_step
from properties.strategies.rate_limit import BucketStream, bucket_limits, bucket_streams


def admitted_of(limit: TokenBucketLimit, times_ns: list[int]) -> list[int]:
    """Return the times that are admitted."""
    bucket = TokenBucket(limit)
    return [now_ns for now_ns in times_ns if bucket.admit(now_ns).admitted]


@given(stream=bucket_streams())
def test_no_stretch_of_time_holds_more_than_the_burst_and_what_the_rate_adds(
    stream: BucketStream,
) -> None:
    limit, times_ns = stream
    admitted = admitted_of(limit, times_ns)
    for first, begin_ns in enumerate(admitted):
        for last, end_ns in enumerate(admitted[first:], first):
            assert last - first + 1 <= limit.admitted_max(end_ns - begin_ns)


@given(stream=bucket_streams(), data=st.data())
def test_the_bound_holds_in_whatever_order_clocks_stamp_the_requests(
    stream: BucketStream, data: st.DataObject
) -> None:
    limit, times_ns = stream
    admitted = sorted(admitted_of(limit, data.draw(st.permutations(times_ns))))
    for first, begin_ns in enumerate(admitted):
        for last, end_ns in enumerate(admitted[first:], first):
            assert last - first + 1 <= limit.admitted_max(end_ns - begin_ns)


@given(stream=bucket_streams())
def test_a_request_is_refused_only_when_some_stretch_that_ends_with_it_is_full(
    stream: BucketStream,
) -> None:
    limit, times_ns = stream
    bucket = TokenBucket(limit)
    admitted: list[int] = []
    for now_ns in times_ns:
        if bucket.admit(now_ns).admitted:
            admitted.append(now_ns)
            continue
        assert any(
            len(admitted) - first >= limit.admitted_max(now_ns - begin_ns)
            for first, begin_ns in enumerate(admitted)
        )


@given(stream=bucket_streams())
def test_a_refused_request_is_admitted_when_it_was_told_to_return_and_no_sooner(
    stream: BucketStream,
) -> None:
    bucket = TokenBucket(stream.limit)
    for now_ns in stream.times_ns:
        verdict = bucket.admit(now_ns)
        if verdict.admitted:
            assert verdict.retry_after_ns == 0
            continue
        assert verdict.retry_after_ns >= 1
        assert not deepcopy(bucket).admit(now_ns + verdict.retry_after_ns - 1).admitted
        assert deepcopy(bucket).admit(now_ns + verdict.retry_after_ns).admitted


@given(stream=bucket_streams())
def test_exactly_what_is_remaining_is_admitted_at_the_same_moment(stream: BucketStream) -> None:
    bucket = TokenBucket(stream.limit)
    for now_ns in stream.times_ns:
        verdict = bucket.admit(now_ns)
        copy = deepcopy(bucket)
        verdicts = (copy.admit(now_ns) for _ in range(verdict.remaining + 2))
        assert sum(1 for _ in takewhile(lambda one: one.admitted, verdicts)) == verdict.remaining


@given(limit=bucket_limits(), now_ns=st.integers(-(2**61), 2**61))
def test_a_new_bucket_is_full_whenever_it_is_first_asked(
    limit: TokenBucketLimit, now_ns: int
) -> None:
    bucket = TokenBucket(limit)
    verdicts = [bucket.admit(now_ns).admitted for _ in range(limit.burst + 1)]
    assert verdicts == [True] * limit.burst + [False]


@given(stream=bucket_streams())
def test_a_refusal_changes_nothing(stream: BucketStream) -> None:
    limit, times_ns = stream
    tat_ns = times_ns[0]
    for now_ns in times_ns:
        before_ns = tat_ns
        tat_ns, wait_ns = gcra_step(tat_ns, now_ns, limit.interval_ns, limit.tolerance_ns)
        assert wait_ns == 0 or tat_ns == before_ns


@given(requests=st.integers(1, 10**6), window_ns=st.integers(1, 10**12), burst=st.integers(1, 99))
def test_the_rate_of_a_limit_is_never_rounded_up(requests: int, window_ns: int, burst: int) -> None:
    limit = RateLimit(requests=requests, window_ns=window_ns)
    bucket = TokenBucketLimit.at_rate_of(limit, burst)
    assert bucket.interval_ns * requests >= window_ns
    assert (bucket.interval_ns - 1) * requests < window_ns
