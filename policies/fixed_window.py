"""One counter for each window of the clock: why not to limit like this.

Windows begin at multiples of their length. Whoever comes at the end of one and again at the
beginning of the next gets twice the limit within a nanosecond: a true window ``(t - W, t]``
touches two of the clock's, so that it holds up to ``2 * requests``, and that is reached. It
is here to be compared against, and because much that is called a rate limit is this. In the
other direction it is honest: a refusal means that the clock's window has had its ``requests``.
"""

from policies.rate_limit import Admission, RateLimit


def fixed_window_step(
    start_ns: int, count: int, now_ns: int, requests: int, window_ns: int
) -> tuple[int, int, int]:
    """Decide one arrival.

    Args:
        start_ns: beginning of the newest window that was counted in; a multiple of its length.
        count: how many were admitted in it.
        now_ns: when the request arrives. One that is stamped before the newest window counts
            in that window: a clock that is set back frees nothing.
        requests: admitted in each window.
        window_ns: the window's length.

    Returns:
        The new ``start_ns`` and ``count``, and the nanoseconds to wait (0: admitted). Where
        integers have 64 bits, times and window must be below 2**61 in size.
    """
    own_start_ns = now_ns - now_ns % window_ns
    if own_start_ns > start_ns:
        start_ns, count = own_start_ns, 0
    if count < requests:
        return start_ns, count + 1, 0
    return start_ns, count, start_ns + window_ns - now_ns


class FixedWindow:
    """Admits ``limit.requests`` in each window of the clock."""

    __slots__ = ("_count", "_limit", "_start_ns")

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._start_ns: int | None = None
        self._count = 0

    def admit(self, now_ns: int) -> Admission:
        """Decide on one request that arrives at ``now_ns``."""
        limit = self._limit
        if self._start_ns is None:
            # The first request's own, which may lie before time 0.
            self._start_ns = now_ns - now_ns % limit.window_ns
        self._start_ns, self._count, wait_ns = fixed_window_step(
            self._start_ns, self._count, now_ns, limit.requests, limit.window_ns
        )
        remaining = limit.requests - self._count
        return Admission(admitted=wait_ns == 0, retry_after_ns=wait_ns, remaining=remaining)
