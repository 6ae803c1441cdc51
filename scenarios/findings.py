"""Findings: a claim, whether it held, and the evidence."""

from enum import StrEnum

from scenarios.model import RecordModel


class Verdict(StrEnum):
    """Whether a claim held. ``unknown`` is never a pass."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class Finding(RecordModel):
    """A claim about one run, judged."""

    claim: str
    verdict: Verdict
    evidence: str
    """What was measured, with its numbers, in a sentence that stands alone."""

    world: str
    """Which world was asked."""
