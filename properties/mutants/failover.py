"""Planted bugs around health, failover between regions, and replicas that lag."""

from typing import Final

from properties.mutants.mutant import Mutant

_HEALTH: Final = "policies/health.py"
_HEALTH_LAWS: Final = "properties/policies/test_health.py"
_FAILOVER: Final = "policies/failover.py"
_FAILOVER_LAWS: Final = "properties/policies/test_failover.py"
_LAG: Final = "policies/replica_lag.py"
_LAG_LAWS: Final = "properties/policies/test_replica_lag.py"

MUTANTS: Final = (
    Mutant(
        name="one check more than the threshold",
        file=_HEALTH,
        before="    if contrary + 1 >= (fall if healthy else rise):\n",
        after="    if contrary >= (fall if healthy else rise):\n",
        because="A dead replica gets traffic for one more period of checks than was agreed.",
        killers=(
            f"{_HEALTH_LAWS}::test_whatever_was_before_a_lasting_change_is_known_after_so_many_checks",
        ),
    ),
    Mutant(
        name="results against the verdict add up though not in a row",
        file=_HEALTH,
        before="        return healthy, 0\n    if contrary",
        after="        return healthy, contrary\n    if contrary",
        because="One lost check an hour takes a healthy replica out by noon.",
        killers=(_HEALTH_LAWS,),
    ),
    Mutant(
        name="rise and fall are mixed up",
        file=_HEALTH,
        before="(fall if healthy else rise)",
        after="(rise if healthy else fall)",
        because="What was to be left carefully is left at once, and the other way round.",
        killers=(_HEALTH_LAWS,),
    ),
    Mutant(
        name="no hysteresis",
        file=_HEALTH,
        before="    return healthy, contrary + 1\n",
        after="    return passed, 0\n",
        because="A part that flaps takes the traffic along with every check.",
        killers=(
            f"{_HEALTH_LAWS}::test_two_turns_lie_at_least_the_lesser_limit_apart",
            _HEALTH_LAWS,
        ),
    ),
    Mutant(
        name="the fence lets in every epoch that was ever right",
        file=_FAILOVER,
        before="    return highest, epoch == highest and is_holder\n",
        after="    return highest, epoch <= highest and is_holder\n",
        because="A region that wakes up after its replacement writes as if it still reigned.",
        killers=("tests/policies/test_failover.py", _FAILOVER_LAWS),
    ),
    Mutant(
        name="the fence does not ask who holds the epoch",
        file=_FAILOVER,
        before="    return highest, epoch == highest and is_holder\n",
        after="    return highest, epoch == highest\n",
        because="With a register that lost its last write, two regions act at a time.",
        killers=("tests/policies/test_failover.py",),
    ),
    Mutant(
        name="a replaced region is let in again",
        file=_FAILOVER,
        before="    if epoch > highest:\n        return epoch, True\n",
        after="    if epoch != highest:\n        return epoch, True\n",
        because="The old active region undoes what the new one has written.",
        killers=(_FAILOVER_LAWS,),
    ),
    Mutant(
        name="the register takes whatever comes last",
        file=_FAILOVER,
        before="    return proposed.epoch == current.epoch + 1\n",
        after="    return proposed.epoch >= current.epoch\n",
        because="Two watchers give one epoch to two regions, and both act under it.",
        killers=(
            f"{_FAILOVER_LAWS}::test_in_every_order_of_two_watchers_and_a_sleeper_one_heir_reigns_and_acts",
            _FAILOVER_LAWS,
        ),
    ),
    Mutant(
        name="no region is kept for its least time",
        file=_FAILOVER,
        before="now_ns - current.since_ns < self._limits.dwell_min_ns:\n",
        after="now_ns < current.since_ns:\n",
        because="Two regions that flap hand everybody back and forth, with cold caches each time.",
        killers=(_FAILOVER_LAWS,),
    ),
    Mutant(
        name="a new reign keeps the epoch of the old one",
        file=_FAILOVER,
        before="return Reign(region, current.epoch + 1, now_ns)",
        after="return Reign(region, max(current.epoch, 1), now_ns)",
        because="No fence can tell the new active region from the old one.",
        killers=("tests/policies/test_failover.py", _FAILOVER_LAWS),
    ),
    Mutant(
        name="the age of the measurement is left out",
        file=_LAG,
        before="lag_ns <= bound_ns - age_ns\n",
        after="lag_ns <= bound_ns\n",
        because="A replica that stopped replaying a minute ago serves what it had then.",
        killers=(f"{_LAG_LAWS}::test_what_is_read_is_never_older_than_the_bound",),
    ),
    Mutant(
        name="lag and age are added up",
        file=_LAG,
        before="    return 0 <= age_ns <= bound_ns and lag_ns <= bound_ns - age_ns\n",
        after="    return 0 <= age_ns and lag_ns + age_ns <= bound_ns\n",
        because="Compiled, a lag that means *for ever* wraps around and counts as fresh.",
        killers=("properties/agreement/test_compiled_balancing.py::test_lags_agree",),
    ),
    Mutant(
        name="a measurement from the future is believed",
        file=_LAG,
        before="    return 0 <= age_ns <= bound_ns",
        after="    return age_ns <= bound_ns",
        because="After a clock is set back, old knowledge passes for new until it catches up.",
        killers=(
            f"{_LAG_LAWS}::test_to_the_ends_of_64_bits_lag_and_age_together_are_within_the_bound",
            "tests/policies/test_replica_lag.py",
        ),
    ),
    Mutant(
        name="the primary is read though a replica is on the very bound",
        file=_LAG,
        before="lag_ns <= bound_ns - age_ns\n",
        after="lag_ns < bound_ns - age_ns\n",
        because="With lag measured in whole seconds, all reads land on the primary.",
        killers=(
            f"{_LAG_LAWS}::test_the_primary_is_read_only_where_no_replica_is_known_to_be_fresh_enough",
        ),
    ),
)
