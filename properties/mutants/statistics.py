"""Bugs planted into the statistics: intervals that claim too much, and means of what has none."""

from typing import Final

from properties.mutants.mutant import Mutant

_INTERVALS: Final = "sim/statistics/intervals.py"
_QUANTILES: Final = "sim/statistics/quantiles.py"
_COLLAPSE: Final = "sim/statistics/collapse.py"
_LAWS: Final = "properties/sim/statistics/test_laws.py"
_COVERAGE: Final = "properties/sim/statistics/test_coverage.py"
_EXAMPLES: Final = "tests/sim/statistics"

MUTANTS: Final = (
    Mutant(
        "the normal distribution in place of Student's",
        _INTERVALS,
        "half_width = t_quantile(confidence, len(each) - 1)",
        "half_width = t_quantile(confidence, 1_000_000)",
        "Of five replications, the interval misses the truth in 12 of 100 cases, not in 5.",
        (f"{_LAWS}::test_a_mean_has_student_s_interval", f"{_COVERAGE}::test_over_replications"),
    ),
    Mutant(
        "variance over n in place of n - 1",
        _INTERVALS,
        "return statistics.stdev(values) / math.sqrt(len(values))",
        "return statistics.pstdev(values) / math.sqrt(len(values))",
        "Intervals over few replications are too narrow by a tenth.",
        (f"{_LAWS}::test_a_mean_has_student_s_interval",),
    ),
    Mutant(
        "a mean of ratios in place of the ratio of sums",
        _INTERVALS,
        "ratio = math.fsum(parts) / math.fsum(wholes)",
        "ratio = statistics.fmean(p / w for p, w in zip(parts, wholes, strict=True) if w)",
        "A run in which hardly anything happened counts as much as a busy one.",
        (f"{_EXAMPLES}/test_intervals.py",),
    ),
    Mutant(
        "all doubt on one side",
        _INTERVALS,
        "tail = (1 - confidence) / 2",
        "tail = 1 - confidence",
        "The probability of collapse is said with twice the risk of being wrong.",
        (f"{_LAWS}::test_a_probability_s_interval_never_covers_too_rarely",),
    ),
    Mutant(
        "seeds of replications are sums",
        "sim/statistics/replications.py",
        'return int.from_bytes(digest, "big") >> (64 - _SEED_BITS)',
        'return first_seed + index + 0 * int.from_bytes(digest, "big")',
        "Seeds 1 and 2 share all runs but one, so that two looks at a thing are one look.",
        (f"{_LAWS}::test_sets_with_neighbouring_seeds_have_no_replication_in_common",),
    ),
    Mutant(
        "seeds of replications are products",
        "sim/statistics/replications.py",
        'return int.from_bytes(digest, "big") >> (64 - _SEED_BITS)',
        'return first_seed * (index // 2) + 0 * int.from_bytes(digest, "big")',
        "Replications repeat each other, and intervals over them are too narrow.",
        (f"{_COVERAGE}::test_over_replications", _LAWS),
    ),
    Mutant(
        "each round starts from the first seed again",
        "sim/statistics/replicate.py",
        "for index in range(done, done + more)]",
        "for index in range(more)]",
        "Runs are added until the figure is known, and they are the same runs.",
        (f"{_EXAMPLES}/test_replicate.py", f"{_EXAMPLES}/test_run_length.py"),
    ),
    Mutant(
        "a quantile's doubt from within the runs",
        _QUANTILES,
        "return statistics.stdev(self.excesses) * math.sqrt(len(self.excesses))",
        "share = self.at_most[self.estimate] / self.requests\n"
        "        return math.sqrt(self.requests * share * (1 - share))",
        "Requests that queue together count as independent: p99 looks known when it is not.",
        (f"{_COVERAGE}::test_over_replications",),
    ),
    Mutant(
        "the calmer count of those that took just as long",
        _QUANTILES,
        "excesses=max(*_excesses(",
        "excesses=min(*_excesses(",
        "One run that timed out a hundred times settles the p99 of all, to the nanosecond.",
        (f"{_EXAMPLES}/test_quantiles.py",),
    ),
    Mutant(
        "any tail will do",
        _QUANTILES,
        "INDEPENDENT_MIN: Final = 10\n",
        "INDEPENDENT_MIN: Final = 0\n",
        "A p99 that rests on one burst is quoted.",
        (f"{_EXAMPLES}/test_quantiles.py",),
    ),
    Mutant(
        "MSER divides by n in place of n squared",
        "sim/statistics/warm_up.py",
        "errors.append(squares / count**2)",
        "errors.append(squares / count)",
        "Nearly all of a run is cut off as warm-up, until only its calmest part is left.",
        (f"{_EXAMPLES}/test_warm_up.py", _LAWS),
    ),
    Mutant(
        "batches need not be independent",
        "sim/statistics/batch_means.py",
        "_LIMIT: Final = 1.645\n",
        "_LIMIT: Final = 1_000.0\n",
        "A run that is too short for its own memory gets a narrow interval.",
        (f"{_EXAMPLES}/test_batch_means.py",),
    ),
    Mutant(
        "pairs that are none",
        "sim/statistics/paired.py",
        "for a, b in zip(earlier, later, strict=True)",
        "for a, b in zip(earlier, reversed(later), strict=True)",
        "The luck that both variants share is counted as their difference.",
        (f"{_EXAMPLES}/test_paired.py",),
    ),
    Mutant(
        "collapse is judged by the whole run",
        _COLLAPSE,
        "_sum(record.series[name], last_from_ns, record.measured_until_ns)",
        "_sum(record.series[name], record.measured_from_ns, record.measured_until_ns)",
        "A platform that went down for good half-way has not collapsed.",
        (f"{_EXAMPLES}/test_collapse.py",),
    ),
    Mutant(
        "one outlier is a cluster",
        _COLLAPSE,
        "_MODE_MIN: Final = 3\n_MODE_SHARE_MIN: Final = 0.1\n",
        "_MODE_MIN: Final = 1\n_MODE_SHARE_MIN: Final = 0.0\n",
        "Figures with heavy tails are refused, though nothing is wrong with them.",
        (
            f"{_LAWS}::test_values_of_one_cluster_are_hardly_ever_called_two",
            f"{_EXAMPLES}/test_collapse.py",
        ),
    ),
    Mutant(
        "growth by luck is growth",
        "sim/statistics/saturation.py",
        "    return statistics.fmean(growths) > limit * standard_error(growths)",
        "    return statistics.fmean(growths) > 0 * limit * standard_error(growths)",
        "Short runs are called saturated because one of them ended badly.",
        (f"{_EXAMPLES}/test_saturation.py",),
    ),
)
