"""Health by thresholds: several results in a row turn a verdict, a single one does not.

    healthy    fall checks failed in a row -> unhealthy
    unhealthy  rise checks passed in a row -> healthy

A check without an answer is a failed one; it is for whoever waits for it to say so.

With rise r and fall f, a dead part is known as such after f checks, and any two turns lie at
least min(r, f) checks apart.

Source: HAProxy configuration manual, "rise" and "fall"; Kubernetes documentation, "Configure
Liveness, Readiness and Startup Probes".
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """How many results in a row are believed.

    Raises:
        ValueError: a number is below 1.
    """

    rise: int = 2
    """Checks passed in a row that make an unhealthy part healthy; at least 1."""

    fall: int = 3
    """Checks failed in a row that make a healthy part unhealthy; at least 1."""

    def __post_init__(self) -> None:
        for name, value in (("rise", self.rise), ("fall", self.fall)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


def health_step(
    *, healthy: bool, contrary: int, passed: bool, rise: int, fall: int
) -> tuple[bool, int]:
    """Take one check's result into the verdict.

    Written in scalars, so that a compiler can take it as it is.

    Args:
        healthy: the verdict before.
        contrary: how many results in a row spoke against it; from 0.
        passed: the result.
        rise: results in a row that turn unhealthy into healthy; from 1.
        fall: results in a row that turn healthy into unhealthy; from 1.

    Returns:
        The verdict after, and how many results in a row speak against it.
    """
    if passed == healthy:
        return healthy, 0
    if contrary + 1 >= (fall if healthy else rise):
        return passed, 0
    return healthy, contrary + 1


class Health:
    """The verdict on one part: unhealthy until its checks say otherwise."""

    __slots__ = ("_contrary", "_healthy", "_limits")

    def __init__(self, limits: HealthLimits) -> None:
        self._limits = limits
        self._healthy = False
        self._contrary = 0

    @property
    def healthy(self) -> bool:
        """Whether the part is taken to be healthy."""
        return self._healthy

    def observe(self, *, passed: bool) -> bool:
        """Take note of a check's result; return whether the part now is healthy."""
        self._healthy, self._contrary = health_step(
            healthy=self._healthy,
            contrary=self._contrary,
            passed=passed,
            rise=self._limits.rise,
            fall=self._limits.fall,
        )
        return self._healthy
