"""Bugs planted into the vocabulary: histograms, verdicts, traces, histories."""

from typing import Final

from properties.mutants.mutant import Mutant

_HISTOGRAM: Final = "scenarios/histogram.py"
_HISTOGRAM_LAWS: Final = "properties/scenarios/test_histogram.py"
_OBJECTIVES: Final = "scenarios/objectives.py"
_OBJECTIVES_LAWS: Final = "properties/scenarios/test_objectives.py"
_OBJECTIVES_EXAMPLES: Final = "tests/scenarios/test_objectives.py"

MUTANTS: Final = (
    Mutant(
        "merging forgets the other's smallest",
        _HISTOGRAM,
        "smallest=min(self.smallest, other.smallest),",
        "smallest=self.smallest,",
        "Latencies merged over classes show a fastest request that was not the fastest.",
        (_HISTOGRAM_LAWS,),
    ),
    Mutant(
        "merging replaces common buckets",
        _HISTOGRAM,
        "counts[index] = counts.get(index, 0) + count",
        "counts[index] = count",
        "Of two classes with like latencies one is lost in the report.",
        (_HISTOGRAM_LAWS,),
    ),
    Mutant(
        "a quantile one rank too low",
        _HISTOGRAM,
        "            if seen >= rank:",
        "            if seen > rank:",
        "The p99 shown is not the one that was measured, by as much as the tail is steep.",
        (_HISTOGRAM_LAWS,),
    ),
    Mutant(
        "the bucket of the bound counts as above",
        _HISTOGRAM,
        "if index > limit)",
        "if index >= limit)",
        "Requests exactly as fast as promised break the promise.",
        (_HISTOGRAM_LAWS,),
    ),
    Mutant(
        "a later batch forgets the smallest",
        _HISTOGRAM,
        "self._smallest = min(smallest, self._smallest) if self._count else smallest",
        "self._smallest = smallest",
        "Quantiles of long runs are cut off at what was fastest lately.",
        (_HISTOGRAM_LAWS,),
    ),
    Mutant(
        "the naive interval instead of Wilson's",
        _OBJECTIVES,
        "centre = (seen + z2 / (2 * total)) / (1 + z2 / total)",
        "centre = seen",
        "A handful of good requests is taken for proof of three nines.",
        (_OBJECTIVES_LAWS,),
    ),
    Mutant(
        "nothing measured is as promised",
        _OBJECTIVES,
        'return Verdict.UNKNOWN, "nothing of this class was measured"',
        'return Verdict.HOLDS, "nothing of this class was measured"',
        "A platform that answers nobody keeps all its promises.",
        (_OBJECTIVES_EXAMPLES,),
    ),
    Mutant(
        "failures do not count as slow",
        _OBJECTIVES,
        "count_above(bound_ns) + outcome.total - ok",
        "count_above(bound_ns)",
        "Failing fast improves the p99.",
        (_OBJECTIVES_EXAMPLES,),
    ),
    Mutant(
        "a cut last line is an error",
        "scenarios/history.py",
        '                if not line.endswith("\\n"):\n                    return\n',
        "",
        "After a crash the history of the whole run cannot be read.",
        ("tests/scenarios/test_history.py",),
    ),
)
