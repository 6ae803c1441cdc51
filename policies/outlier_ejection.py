"""Outlier ejection: which backends to leave alone for a while, judged by real traffic.

    so many failures in a row                             -> ejected at once
    at a sweep, a success rate far below that of the rest -> ejected
    k-th ejection                                         -> for k * ejection_ns, up to a cap
    its time is over                                      -> eligible again
    eligible from one sweep to the next                   -> its next ejection counts one less

*Far below* is more than so many standard deviations under the mean of all backends with enough
requests since the last sweep. Of n values none is more than sqrt(n - 1) deviations off, so that
with 1.9 of them five backends are the fewest that can have an outlier.

Never more than a share of the backends is ejected, at least one where two are there, never the
last. What would be ejected beyond that stays, and is judged again with its next failure.

Source: Envoy documentation, "Outlier detection"; its defaults.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_PERCENT: Final = 100

_RATE_WHOLE: Final = 10_000
"""A success rate of 1; rates are whole ten-thousandths."""

_BACKENDS_MAX: Final = 1_000

_DEVIATIONS_PERCENT_MAX: Final = 500

_TIME_MAX_NS: Final = 2**62
_NEVER_YET_NS: Final = -(2**63)


@dataclass(frozen=True, slots=True)
class OutlierLimits:
    """When a backend is ejected, and for how long; the defaults are Envoy's.

    Raises:
        ValueError: a number is out of range.
    """

    failures_max: int = 5
    """So many failures in a row eject; at least 1."""

    ejection_ns: int = 30_000_000_000
    """The first ejection's length; at least 1."""

    ejection_max_ns: int = 300_000_000_000
    """The longest ejection; from ``ejection_ns`` to 2**62."""

    ejected_max_percent: int = 10
    """So many of the backends may be ejected at the same time; from 0 to 100."""

    requests_min: int = 100
    """Fewer requests between two sweeps make no success rate; at least 1."""

    backends_min: int = 5
    """Fewer backends with a success rate have no outlier; at least 2."""

    deviations_percent: int = 190
    """How many standard deviations are too far, in hundredths; from 1 to 500."""

    def __post_init__(self) -> None:
        for name, least, value, most in (
            ("failures_max", 1, self.failures_max, _TIME_MAX_NS),
            ("ejection_ns", 1, self.ejection_ns, _TIME_MAX_NS),
            ("ejection_max_ns", self.ejection_ns, self.ejection_max_ns, _TIME_MAX_NS),
            ("ejected_max_percent", 0, self.ejected_max_percent, _PERCENT),
            ("requests_min", 1, self.requests_min, _TIME_MAX_NS),
            ("backends_min", 2, self.backends_min, _BACKENDS_MAX),
            ("deviations_percent", 1, self.deviations_percent, _DEVIATIONS_PERCENT_MAX),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} must be from {least} to {most}, got {value}")


def ejection_time_ns(ejection_ns: int, ejection_max_ns: int, times: int) -> int:
    """Return how long the ejection is that is a backend's ``times``-th, counted from 1.

    Written in scalars, so that a compiler can take it as it is; times are from 1 to 2**62.
    """
    # Compare before multiplying: 64-bit integers, where this is compiled, would overflow.
    if times > ejection_max_ns // ejection_ns:
        return ejection_max_ns
    return ejection_ns * times


def may_eject(ejected: int, backends: int, ejected_max_percent: int) -> bool:
    """Say whether one more of so many backends may be ejected.

    Written in scalars, so that a compiler can take it as it is.

    Args:
        ejected: how many are; from 0 to ``backends``.
        backends: how many there are, ejected or not; up to 2**32.
        ejected_max_percent: how many may be; from 0 to 100.
    """
    places = max(1, backends * ejected_max_percent // 100)
    return ejected < min(places, backends - 1)


def is_rate_outlier(
    rate: int, rates_sum: int, squares_sum: int, backends: int, deviations_percent: int
) -> bool:
    """Say whether a success rate is more than so many standard deviations below the mean.

    In whole numbers: with S the sum of the n rates r, and Q that of their squares, the mean less
    r is (S - n r) / n, and the deviation is sqrt(n Q - S**2) / n. Written in scalars, so that a
    compiler can take it as it is.

    Args:
        rate: r, in ten-thousandths.
        rates_sum: S.
        squares_sum: Q.
        backends: n, up to 1000.
        deviations_percent: how many, in hundredths; up to 500.
    """
    below = rates_sum - backends * rate
    spread = backends * squares_sum - rates_sum * rates_sum
    if below <= 0:
        return False
    return below * below * 10_000 > deviations_percent * deviations_percent * spread


@dataclass(slots=True)
class _Backend:
    """What is known of one backend."""

    failures_in_row: int = 0
    answered: int = 0
    failed: int = 0
    times: int = 0
    """How often it was ejected, less what it has made good since."""

    until_ns: int = _NEVER_YET_NS
    """It is ejected before that; at first before any time there is."""

    def restart(self) -> None:
        """Judge what comes from here on."""
        self.failures_in_row = self.answered = self.failed = 0


class OutlierEjection:
    """Says which backends are eligible, from what became of their requests.

    Word of a backend that is ejected, or that is not there, changes nothing: it is of requests
    from before. Time may stand still from call to call, but must not run backwards.

    Args:
        backends: those that are there; at most 1000.
        limits: when to eject, and for how long.

    Raises:
        ValueError: there are too many backends.
    """

    __slots__ = ("_backends", "_limits", "_swept_ns")

    def __init__(self, backends: Iterable[str], limits: OutlierLimits) -> None:
        self._limits = limits
        self._swept_ns = _NEVER_YET_NS
        self._backends: dict[str, _Backend] = {}
        self.follow(backends)

    def follow(self, backends: Iterable[str]) -> None:
        """Take note of which backends there are; who stays keeps its record.

        Raises:
            ValueError: there are too many; nothing has changed then.
        """
        followed = {name: self._backends.get(name) or _Backend() for name in backends}
        if len(followed) > _BACKENDS_MAX:
            raise ValueError(f"backends must be at most {_BACKENDS_MAX}, got {len(followed)}")
        self._backends = followed

    def eligible(self, now_ns: int) -> list[str]:
        """Return the backends that may be chosen, in the order in which they were named."""
        return [name for name, each in self._backends.items() if now_ns >= each.until_ns]

    def answered(self, backend: str, now_ns: int) -> None:
        """Note that a request to ``backend`` was answered well at ``now_ns``."""
        each = self._backends.get(backend)
        if each is None or now_ns < each.until_ns:
            return
        each.answered += 1
        each.failures_in_row = 0

    def failed(self, backend: str, now_ns: int) -> bool:
        """Note that one was found to have failed at ``now_ns``; say whether that ejects it."""
        each = self._backends.get(backend)
        if each is None or now_ns < each.until_ns:
            return False
        each.failed += 1
        each.failures_in_row += 1
        if each.failures_in_row < self._limits.failures_max:
            return False
        return self._eject(each, now_ns)

    def sweep(self, now_ns: int) -> list[str]:
        """Compare the success rates since the last sweep; return whom that ejects.

        To be called at regular intervals (Envoy: 10 s). The worst rates go first, so that a
        bound on how many may be ejected spares the better ones.
        """
        rates = sorted(
            (each.answered * _RATE_WHOLE // (each.answered + each.failed), name)
            for name, each in self._backends.items()
            if now_ns >= each.until_ns and each.answered + each.failed >= self._limits.requests_min
        )
        ejected = [name for name in self._outliers(rates) if self._eject_named(name, now_ns)]
        for each in self._backends.values():
            each.answered = each.failed = 0
            if each.until_ns <= self._swept_ns and each.times:
                each.times -= 1
        self._swept_ns = now_ns
        return ejected

    def _outliers(self, rates: list[tuple[int, str]]) -> list[str]:
        if len(rates) < self._limits.backends_min:
            return []
        total = sum(rate for rate, _ in rates)
        squares = sum(rate * rate for rate, _ in rates)
        return [
            name
            for rate, name in rates
            if is_rate_outlier(rate, total, squares, len(rates), self._limits.deviations_percent)
        ]

    def _eject_named(self, name: str, now_ns: int) -> bool:
        return self._eject(self._backends[name], now_ns)

    def _eject(self, each: _Backend, now_ns: int) -> bool:
        ejected = len(self._backends) - len(self.eligible(now_ns))
        if not may_eject(ejected, len(self._backends), self._limits.ejected_max_percent):
            return False
        each.times += 1
        each.until_ns = now_ns + ejection_time_ns(
            self._limits.ejection_ns, self._limits.ejection_max_ns, each.times
        )
        each.restart()
        return True
