"""Laws of turns by weight: exact over whole turns, close at any time, nobody forgotten."""

from collections import Counter
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from policies.weighted_balancing import SmoothWeighted
from properties.checkers.fairness import judge_starvation
from properties.strategies.balancing import NAMES, weights


def turns(balancer: SmoothWeighted, count: int) -> list[str | None]:
    return [balancer.choose() for _ in range(count)]


@given(given_weights=weights(), whole=st.integers(1, 3))
def test_over_whole_turns_each_gets_exactly_its_weight(
    given_weights: dict[str, int], whole: int
) -> None:
    total = sum(given_weights.values())
    got = Counter(turns(SmoothWeighted(given_weights), whole * total))
    assert got == Counter({name: whole * weight for name, weight in given_weights.items()})


@given(given_weights=weights())
def test_at_any_time_each_has_less_than_one_more_and_few_fewer_than_its_due(
    given_weights: dict[str, int],
) -> None:
    total = sum(given_weights.values())
    balancer = SmoothWeighted(given_weights)
    got: Counter[str | None] = Counter()
    for played in range(1, total + 1):
        got[balancer.choose()] += 1
        for name, weight in given_weights.items():
            due = Fraction(played * weight, total)
            assert due - max(1, len(given_weights) - 1) < got[name] < due + 1


@given(given_weights=weights(), before=st.integers(0, 20), again=st.integers(1, 9))
def test_saying_the_same_proportions_again_at_any_time_changes_nothing(
    given_weights: dict[str, int], before: int, again: int
) -> None:
    told_once, told_often = SmoothWeighted(given_weights), SmoothWeighted(given_weights)
    assert turns(told_once, before) == turns(told_often, before)
    for _ in range(sum(given_weights.values())):
        told_often.reweigh({name: again * weight for name, weight in given_weights.items()})
        assert told_often.choose() == told_once.choose()


@given(
    history=st.lists(weights() | st.sets(st.sampled_from(NAMES)), max_size=12),
    finally_weights=weights(least=1),
)
def test_nobody_starves_whatever_weights_and_absences_there_were_before(
    history: list[dict[str, int] | set[str]], finally_weights: dict[str, int]
) -> None:
    balancer = SmoothWeighted({})
    for event in history:
        if isinstance(event, dict):
            balancer.reweigh(event)
            balancer.choose()
        else:
            assert balancer.choose(event) in {None, *event}
    balancer.reweigh(finally_weights)
    backends, total = len(finally_weights), sum(finally_weights.values())
    # All credits are within n turns of nothing; after that many more, each had its own.
    within = 2 * (backends + 1) * total
    choices = turns(balancer, within)
    assert judge_starvation(choices, list(finally_weights), within)


@given(given_weights=weights(), eligible=st.sets(st.sampled_from(NAMES)))
def test_somebody_is_chosen_exactly_if_somebody_eligible_has_a_weight(
    given_weights: dict[str, int], eligible: set[str]
) -> None:
    balancer = SmoothWeighted(given_weights)
    able = {name for name, weight in given_weights.items() if weight and name in eligible}
    for _ in range(5):
        chosen = balancer.choose(eligible)
        assert chosen in able if able else chosen is None


@given(given_weights=weights(least=1), absent=st.sampled_from(NAMES), away=st.integers(1, 30))
def test_the_others_share_by_weight_while_one_is_away(
    given_weights: dict[str, int], absent: str, away: int
) -> None:
    rest = {name: weight for name, weight in given_weights.items() if name != absent}
    assume(rest)
    balancer = SmoothWeighted(given_weights)
    total = sum(rest.values())
    got = Counter(balancer.choose(rest.keys()) for _ in range(away * total))
    assert got == Counter({name: away * weight for name, weight in rest.items()})
