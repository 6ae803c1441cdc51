"""What came of it, in the sentences that everybody reads."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reports.compare import Comparison
from reports.quantities import duration
from reports.scaling import scaling_differences
from scenarios.findings import Finding, Verdict
from scenarios.records import RunRecord
from scenarios.spec import Scenario

WORLDS = {"simulated": "simulated", "processes": "live", "cluster": "live (cluster)"}
"""By world, the word for it."""

_PREDICATES = (
    (Verdict.BROKEN, "is broken", "are broken"),
    (Verdict.UNKNOWN, "is unknown", "are unknown"),
    (Verdict.HOLDS, "holds", "hold"),
)


class Claim(NamedTuple):
    """One objective, and what each world found of it."""

    text: str
    predicted: Finding | None
    measured: Finding | None

    @property
    def disagree(self) -> bool:
        """Whether both worlds were asked and judged differently."""
        if self.predicted is None or self.measured is None:
            return False
        return self.predicted.verdict is not self.measured.verdict


def claims(predicted: RunRecord | None, measured: RunRecord | None) -> list[Claim]:
    """Return the objectives of both records, in the scenario's order."""
    of_predicted = {finding.claim: finding for finding in predicted.findings} if predicted else {}
    of_measured = {finding.claim: finding for finding in measured.findings} if measured else {}
    return [
        Claim(text, of_predicted.get(text), of_measured.get(text))
        for text in {**of_measured, **of_predicted}
    ]


def tally(record: RunRecord) -> dict[Verdict, int]:
    """Return how many objectives hold, are broken, and are unknown."""
    found = [finding.verdict for finding in record.findings]
    return {verdict: found.count(verdict) for verdict in Verdict}


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """Return the verdict over all: one broken breaks it; what is not known to hold does not."""
    verdicts = {finding.verdict for finding in findings}
    if Verdict.BROKEN in verdicts:
        return Verdict.BROKEN
    return Verdict.HOLDS if verdicts == {Verdict.HOLDS} else Verdict.UNKNOWN


def verdict_sentence(record: RunRecord) -> str:
    """Return how many objectives hold in one world, in a sentence."""
    where = {"simulated": "Simulated", "processes": "Live"}.get(record.world, "In the cluster")
    return f"{where}, {_tally_clause(record)}."


def _tally_clause(record: RunRecord) -> str:
    counts, total = tally(record), len(record.findings)
    if not total:
        return "nothing was judged: the scenario states no objectives"
    parts: list[str] = []
    for verdict, one, many in _PREDICATES:
        if counts[verdict] == total:
            return _all_of(total, one, many)
        if counts[verdict]:
            # The first part says out of how many.
            of = "" if parts else f" of {total} objective{'s' if total > 1 else ''}"
            parts.append(f"{counts[verdict]}{of} {one if counts[verdict] == 1 else many}")
    return _listed(parts)


def headline(
    predicted: RunRecord | None, measured: RunRecord | None, comparison: Comparison | None
) -> list[str]:
    """Return the report in a few sentences, the most important one first."""
    records = [record for record in (measured, predicted) if record is not None]
    split = sum(claim.disagree for claim in claims(predicted, measured))
    alike = len(records) > 1 and len({_tally_clause(record) for record in records}) == 1
    if alike and not split:
        sentences = [f"Live as in the simulation, {_tally_clause(records[0])}."]
    else:
        sentences = [verdict_sentence(record) for record in records]
    if split:
        noun = "objective" if split == 1 else "objectives"
        sentences.append(f"The two worlds disagree about {split} {noun}.")
    if comparison is not None:
        sentences.append(comparison.summary[0])
    if predicted is not None and measured is not None:
        sentences += scaling_differences(predicted, measured)
    return sentences


def cautions(
    records: Sequence[RunRecord], asked: Scenario | None, played: Scenario | None
) -> list[str]:
    """Return what a reader must know before trusting any number."""
    return [*_endings(records), *_left_out(asked, played), *_doubts(records)]


def _endings(records: Sequence[RunRecord]) -> Iterator[str]:
    for record in records:
        where = WORLDS[record.world]
        if record.ended == "interrupted":
            yield (
                f"The {where} run was interrupted before its end: its figures cover only what "
                "had ended by then."
            )
        if record.ended == "degraded":
            dead = [event for event in record.events if event.kind == "died"]
            said = ", ".join(
                f"{event.target} at {duration(event.at_ns)}"
                + (f" ({event.detail})" if event.detail else "")
                for event in dead
            )
            yield f"A part of the platform died during the {where} run: {said or 'see the events'}."


def _left_out(asked: Scenario | None, played: Scenario | None) -> Iterator[str]:
    if asked is None or played is None:
        return
    missing = sorted(set(asked.workload.mix) - set(played.workload.mix))
    if missing:
        yield (
            f"Left out of both worlds, because this machine cannot play it: {', '.join(missing)}. "
            "Objectives about it were not judged."
        )


def _doubts(records: Sequence[RunRecord]) -> Iterator[str]:
    for record in records:
        for event in record.events:
            if event.kind == "note":
                yield f"{event.target}: {event.detail}"


def _all_of(total: int, one: str, many: str) -> str:
    if total == 1:
        return f"the one objective {one}"
    # Two have a word of their own.
    both = 2
    return f"{'both' if total == both else f'all {total}'} objectives {many}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
