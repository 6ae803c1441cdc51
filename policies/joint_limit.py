"""Several limits on one request: of its user, its API key, its tier, its address range.

All must admit. What one of them refuses is noted by none, so that a user who hammers on a
full tier does not use up the own limit meanwhile. The wait is the longest of those that
refuse: logs only empty while nobody is admitted, so at that moment all have room, and a
moment earlier one has none.

Each limit is an exact sliding log (``policies.rate_limit``); what a request is judged by comes
with the request, so that a change of tier, or a tightened range, holds from the next one on.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from policies.rate_limit import UNLIMITED, Admission, RateLimit, log_remaining, log_wait_ns


class Counted(NamedTuple):
    """A limit that a request is to be judged by, and under which name it counts."""

    subject: str
    """Whose log it is, like ``user:ada`` or ``tier:free``."""

    limit: RateLimit


class JointAdmission(NamedTuple):
    """What was decided about one request by all of its limits."""

    admission: Admission

    refused_by: tuple[str, ...]
    """The subjects that have no room; empty if admitted."""


class JointLimiter:
    """One log for each subject.

    Args:
        widest: the most requests, and the longest window, that any subject is judged by.
            Logs keep that much, and subjects are forgotten when it has passed.
    """

    __slots__ = ("_logs", "_widest")

    def __init__(self, widest: RateLimit) -> None:
        self._widest = widest
        # In the order of each subject's last admission, so that the ones to forget are in front.
        self._logs: dict[str, deque[int]] = {}

    @property
    def subjects_remembered(self) -> int:
        """How many subjects have a log."""
        return len(self._logs)

    def admit(self, counted: Sequence[Counted], now_ns: int) -> JointAdmission:
        """Decide on one request; without any limit it is admitted.

        Time may stand still from call to call, but not run backwards.

        Raises:
            ValueError: a limit is wider than the widest, or a subject is named twice.
        """
        self._check(counted)
        self._forget_idle(now_ns)
        waits_ns = {subject: self._wait_ns(subject, limit, now_ns) for subject, limit in counted}
        refused_by = tuple(subject for subject, wait_ns in waits_ns.items() if wait_ns > 0)
        if refused_by:
            refusal = Admission(admitted=False, retry_after_ns=max(waits_ns.values()), remaining=0)
            return JointAdmission(refusal, refused_by)
        remaining = [self._note(subject, limit, now_ns) for subject, limit in counted]
        admission = Admission(
            admitted=True, retry_after_ns=0, remaining=min(remaining, default=UNLIMITED)
        )
        return JointAdmission(admission, refused_by=())

    def _check(self, counted: Sequence[Counted]) -> None:
        for subject, limit in counted:
            if limit.requests > self._widest.requests or limit.window_ns > self._widest.window_ns:
                raise ValueError(f"{subject} has a limit wider than the widest: {limit}")
        if len({subject for subject, _ in counted}) < len(counted):
            raise ValueError(f"a subject is named twice: {[subject for subject, _ in counted]}")

    def _wait_ns(self, subject: str, limit: RateLimit, now_ns: int) -> int:
        log = self._logs.get(subject)
        return 0 if log is None else log_wait_ns(log, limit, now_ns)

    def _note(self, subject: str, limit: RateLimit, now_ns: int) -> int:
        """Note an admission; return how many more there may be at this moment."""
        log = self._logs.pop(subject, None)
        if log is None:
            log = deque(maxlen=self._widest.requests)
        log.append(now_ns)
        self._logs[subject] = log
        return log_remaining(log, limit, now_ns)

    def _forget_idle(self, now_ns: int) -> None:
        while self._logs:
            subject, log = next(iter(self._logs.items()))
            if log[-1] > now_ns - self._widest.window_ns:
                return
            del self._logs[subject]
