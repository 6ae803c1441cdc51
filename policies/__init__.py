"""Decisions without I/O: what production, simulation and the tests all call.

Nothing in here knows what time it is or can toss a coin. The time is an argument
(``now_ns``, whole nanoseconds on any clock that does not run backwards), a toss is an
argument (``uniform``, drawn from [0, 1)), and what was decided is the return value. A
refusal is a value too; an exception means that a policy was configured wrongly.

``reference_services`` calls these with the monotonic clock, ``sim`` with simulated time,
``properties`` with whatever Hypothesis comes up with. So that all three can rely on it,
only the timeless part of the standard library is imported; import-linter checks that.
"""

from policies.autoscale import (
    SCALE_DOWN_POLICIES,
    SCALE_UP_POLICIES,
    Hpa,
    HpaSpec,
    PodMetric,
    ScalingPolicy,
    recommendation,
)
from policies.balancing import (
    Balancer,
    LeastOutstanding,
    PowerOfTwoChoices,
    RoundRobin,
    balancer,
    two_choices,
)
from policies.cache import (
    FOREVER_NS,
    Answer,
    CacheEntry,
    Fill,
    Hit,
    LeasedEntry,
    UnprotectedEntry,
    Wait,
    cache_entry,
)
from policies.circuit_breaker import BreakerLimits, CircuitBreaker, State
from policies.rate_limit import UNLIMITED, Admission, RateLimit, SlidingLog, TieredLimiter
from policies.retry import (
    Backoff,
    GiveUp,
    RetryAfter,
    RetryBudget,
    RetryDecision,
    full_jitter_ns,
)

__all__ = [
    "FOREVER_NS",
    "SCALE_DOWN_POLICIES",
    "SCALE_UP_POLICIES",
    "UNLIMITED",
    "Admission",
    "Answer",
    "Backoff",
    "Balancer",
    "BreakerLimits",
    "CacheEntry",
    "CircuitBreaker",
    "Fill",
    "GiveUp",
    "Hit",
    "Hpa",
    "HpaSpec",
    "LeasedEntry",
    "LeastOutstanding",
    "PodMetric",
    "PowerOfTwoChoices",
    "RateLimit",
    "RetryAfter",
    "RetryBudget",
    "RetryDecision",
    "RoundRobin",
    "ScalingPolicy",
    "SlidingLog",
    "State",
    "TieredLimiter",
    "UnprotectedEntry",
    "Wait",
    "balancer",
    "cache_entry",
    "full_jitter_ns",
    "recommendation",
    "two_choices",
]
