"""The two answers to "how much?": an estimate with its interval, or why there is none."""

from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

CONFIDENCE: Final = 0.95

REPLICATIONS_MIN: Final = 5
"""With fewer, the interval is mostly the uncertainty of its own width."""


class Reason(StrEnum):
    """Why a number is not quoted."""

    TOO_FEW_REPLICATIONS = "too_few_replications"
    TOO_FEW_SAMPLES = "too_few_samples"
    """Of those that decide: the tail, for a high quantile."""

    TOO_RARE = "too_rare"
    """What is counted happened in hardly any replication."""

    SATURATED = "saturated"
    INCOMPLETE = "incomplete"
    BIMODAL = "bimodal"
    UNSETTLED = "unsettled"
    """The series had not forgotten its start by half of its length."""

    CORRELATED = "correlated"
    """The batches of a single run resemble their neighbours."""

    WITHOUT_VALUE = "without_value"


class Estimate(NamedTuple):
    """A number, and the interval that holds the truth in ``confidence`` of all such cases."""

    value: float
    low: float
    high: float
    confidence: float
    replications: int
    """Independent runs, or batches of one run, that it is made of."""

    method: str

    @property
    def half_width(self) -> float:
        """The longer of the two sides."""
        return max(self.high - self.value, self.value - self.low)

    @property
    def relative_half_width(self) -> float:
        """The longer side as a share of the value; infinite for an unsure 0, 0 for a sure one."""
        if self.half_width == 0:
            return 0.0
        return self.half_width / abs(self.value) if self.value else float("inf")


class Refusal(NamedTuple):
    """Why a number is not quoted, and what would make it quotable; both are sentences."""

    reason: Reason
    because: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.because} {self.remedy}"


Answer: TypeAlias = Estimate | Refusal


def too_few_replications(found: int, needed: int = REPLICATIONS_MIN) -> Refusal | None:
    """Refuse what rests on fewer replications than needed."""
    if found >= needed:
        return None
    noun = "replication says" if found == 1 else "replications say"
    return Refusal(
        Reason.TOO_FEW_REPLICATIONS,
        f"{found} {noun} too little about how much runs differ.",
        f"Run at least {needed} replications.",
    )


def without_value(what: str) -> Refusal:
    """Refuse a figure that has no value; ``what`` is the reason, as a sentence."""
    return Refusal(
        Reason.WITHOUT_VALUE, what, "Run longer, or ask for a figure that the scenario has."
    )


def as_json(answer: Answer) -> dict[str, float | int | str]:
    """Return the answer as JSON can hold it; a refusal is the one with a ``reason``."""
    return dict(zip(answer._fields, answer, strict=True))
