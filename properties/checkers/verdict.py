"""What a judge of a history answers: holds, broken or unknown, and the story that shows it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from scenarios.findings import Verdict

__all__ = ["Judgement", "Verdict", "broken", "holds", "unknown", "worst"]

_BY_WEIGHT: Final = (Verdict.BROKEN, Verdict.UNKNOWN, Verdict.HOLDS)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and its evidence.

    True where the claim holds, and only there, so that ``assert judge(history)`` fails for
    ``unknown`` too, and shows the evidence.
    """

    verdict: Verdict

    evidence: tuple[str, ...] = ()
    """A short story, a line for each operation that shows it; or why nobody can tell."""

    def __bool__(self) -> bool:
        return self.verdict is Verdict.HOLDS

    def __str__(self) -> str:
        return "\n".join((self.verdict.value, *self.evidence))


def holds(*evidence: str) -> Judgement:
    """Say that the claim holds for all that was looked at."""
    return Judgement(Verdict.HOLDS, evidence)


def broken(*evidence: str) -> Judgement:
    """Say that the claim is broken.

    Raises:
        ValueError: no line of evidence is given.
    """
    if not evidence:
        raise ValueError("a broken claim needs evidence")
    return Judgement(Verdict.BROKEN, evidence)


def unknown(*reasons: str) -> Judgement:
    """Say that nobody can tell: too little was seen, or the search was too long.

    Raises:
        ValueError: no reason is given.
    """
    if not reasons:
        raise ValueError("an unknown verdict needs a reason")
    return Judgement(Verdict.UNKNOWN, reasons)


def worst(judgements: Iterable[Judgement]) -> Judgement:
    """Return the first broken one, else the first unknown one, else a holding one.

    Of nothing at all nobody can tell: a judge who was never asked found nothing wrong either.
    """
    judged = list(judgements)
    for verdict in _BY_WEIGHT:
        for judgement in judged:
            if judgement.verdict is verdict:
                return judgement
    return unknown("nothing was judged")
