"""A sliding window in two counters: cheap, and wrong by a stated amount.

The requests of the clock's present window, and those of the one before it, weighted by how
much of it the sliding window still covers, stand in for the log. With a limit of ``L`` in a
window ``W``:

- **Never more than** ``2 * L - 1`` in a true window ``(t - W, t]``, reached where all of a
  window's requests come at its end. More closely, ``L`` plus what is in the window of the
  previous one's requests beyond their even share; with even traffic, none over.
- **It may refuse** although the true window is empty, where all of the previous window's
  requests came at its beginning; but only if the last ``2 * W`` hold ``L`` admitted ones.
- The wait that it tells is exact: a lone request is admitted then, and no sooner.

Source: J. Desgats, "How we built rate limiting capable of scaling to millions of domains",
Cloudflare blog (2017).
"""

from typing import Final

from policies.rate_limit import Admission, RateLimit

WEIGHT_MAX: Final = 2**60
"""The most that ``requests * window_ns`` may be, so that sums of them stay below 2**63."""


def sliding_counter_step(
    start_ns: int, previous: int, current: int, now_ns: int, requests: int, window_ns: int
) -> tuple[int, int, int, int]:
    """Decide one arrival.

    Args:
        start_ns: beginning of the newest window that was counted in; a multiple of its length.
        previous: how many were admitted in the window before it.
        current: how many were admitted in it.
        now_ns: when the request arrives. One that is stamped before the newest window is
            decided as at its beginning: a clock that is set back frees nothing.
        requests: the limit.
        window_ns: the window's length; times ``requests`` at most ``WEIGHT_MAX``.

    Returns:
        The new ``start_ns``, ``previous`` and ``current``, and the nanoseconds to wait (0:
        admitted). Where integers have 64 bits, times must be below 2**61 in size.
    """
    at_ns = max(now_ns, start_ns)
    passed = (at_ns - start_ns) // window_ns
    if passed > 0:
        previous, current = (current if passed == 1 else 0), 0
        start_ns += passed * window_ns
    covered_ns = start_ns + window_ns - at_ns
    # Counts are compared after multiplication by the window: no division rounds a request in.
    if previous * covered_ns + (current + 1) * window_ns <= requests * window_ns:
        return start_ns, previous, current + 1, 0
    if current < requests:
        room = (requests - current - 1) * window_ns
        return start_ns, previous, current, start_ns + window_ns - room // previous - now_ns
    # Full by itself, so that it opens only when it is the previous one.
    room = (requests - 1) * window_ns
    return start_ns, previous, current, start_ns + 2 * window_ns - room // current - now_ns


class SlidingCounter:
    """Admits about ``limit.requests`` in any window; memory is three integers.

    Raises:
        ValueError: ``requests`` times ``window_ns`` is more than ``WEIGHT_MAX``.
    """

    __slots__ = ("_current", "_limit", "_previous", "_start_ns")

    def __init__(self, limit: RateLimit) -> None:
        if limit.requests * limit.window_ns > WEIGHT_MAX:
            raise ValueError(
                f"requests must be at most {WEIGHT_MAX // limit.window_ns} with a window_ns of "
                f"{limit.window_ns}, got {limit.requests}"
            )
        self._limit = limit
        self._start_ns: int | None = None
        self._previous = 0
        self._current = 0

    def admit(self, now_ns: int) -> Admission:
        """Decide on one request that arrives at ``now_ns``."""
        limit = self._limit
        if self._start_ns is None:
            # The first request's own, which may lie before time 0.
            self._start_ns = now_ns - now_ns % limit.window_ns
        self._start_ns, self._previous, self._current, wait_ns = sliding_counter_step(
            self._start_ns,
            self._previous,
            self._current,
            now_ns,
            limit.requests,
            limit.window_ns,
        )
        if wait_ns > 0:
            return Admission(admitted=False, retry_after_ns=wait_ns, remaining=0)
        covered_ns = min(self._start_ns + limit.window_ns - now_ns, limit.window_ns)
        room = (limit.requests - self._current) * limit.window_ns - self._previous * covered_ns
        return Admission(admitted=True, retry_after_ns=0, remaining=room // limit.window_ns)
