"""Laws of idempotency keys, for clients that repeat themselves and runners that die or sleep."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from policies.idempotency import (
    IdempotencyKeys,
    IdempotencyLimits,
    InProgress,
    KeyReused,
    Replay,
    Run,
    fingerprint_of,
    scoped_key,
)
from properties.strategies.work import gaps_ns

LIMITS = IdempotencyLimits(kept_ns=100, retry_horizon_ns=89, clock_skew_ns=10, hold_ns=10)
KEYS_MAX = 3

TENANTS = st.sampled_from(["ada", "bob"])
KEYS = st.sampled_from(["k", "l"])
FINGERPRINTS = st.sampled_from(["print", "print", "other"])


@dataclass
class Known:
    """Our own account of a key."""

    fingerprint: str
    work_id: str
    written_ns: int
    runs: list[int] = field(default_factory=list)
    held_until_ns: int = 0
    answer: str | None = None


class IdempotencyMachine(RuleBasedStateMachine):
    """Each work id stands for one request; each key has one work, and at most one answer."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = IdempotencyKeys(LIMITS, KEYS_MAX)
        self.known: dict[tuple[str, str], Known] = {}
        self.now_ns = 0
        self.works = 0

    def _alive(self, tenant: str, key: str) -> Known | None:
        known = self.known.get((tenant, key))
        kept = known is not None and self.now_ns < known.written_ns + LIMITS.kept_ns
        return known if kept else None

    @rule(gap_ns=gaps_ns(LIMITS.hold_ns) | gaps_ns(LIMITS.kept_ns))
    def time_passes(self, gap_ns: int) -> None:
        """Go on by about a hold, or by about as long as keys are kept."""
        self.now_ns += gap_ns

    @rule(tenant=TENANTS, key=KEYS, fingerprint=FINGERPRINTS)
    def a_request_comes(self, tenant: str, key: str, fingerprint: str) -> None:
        """Ask, and compare with what we know."""
        known = self._alive(tenant, key)
        alive = sum(1 for it in self.known if self._alive(*it))
        self.works += 1
        work_id = f"work-{self.works}"
        verdict = self.keys.begin(tenant, key, fingerprint, work_id=work_id, now_ns=self.now_ns)
        if known is None:
            if alive >= KEYS_MAX:
                assert verdict is None
                return
            # The runs of a forgotten record go on: they may finish under this one.
            earlier = self.known.get((tenant, key))
            runs = [] if earlier is None else earlier.runs
            known = self.known[tenant, key] = Known(fingerprint, work_id, self.now_ns, runs)
        elif known.fingerprint != fingerprint:
            assert verdict == KeyReused()
            return
        elif known.answer is not None:
            assert verdict == Replay(known.answer)
            return
        elif self.now_ns < known.held_until_ns:
            assert verdict == InProgress(known.held_until_ns - self.now_ns)
            return
        assert isinstance(verdict, Run)
        assert verdict.work_id == known.work_id, "a run under another id than the one before"
        assert verdict.run not in known.runs
        known.runs.append(verdict.run)
        known.written_ns = self.now_ns
        known.held_until_ns = self.now_ns + LIMITS.hold_ns

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def a_run_ends(self, data: st.DataObject) -> None:
        """Finish any run there ever was, however late."""
        tenant, key = data.draw(st.sampled_from(sorted(self.known)))
        run = data.draw(st.sampled_from(self.known[tenant, key].runs))
        known = self._alive(tenant, key)
        answer = f"{run} at {self.now_ns}"
        kept = self.keys.finish(tenant, key, run, answer, self.now_ns)
        if known is not None and known.answer is None and run == known.runs[-1]:
            known.answer = answer
            known.written_ns = self.now_ns
        assert kept == (None if known is None else known.answer)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def a_run_fails_without_effect(self, data: st.DataObject) -> None:
        """Let go of the key, as any run there ever was."""
        tenant, key = data.draw(st.sampled_from(sorted(self.known)))
        run = data.draw(st.sampled_from(self.known[tenant, key].runs))
        known = self._alive(tenant, key)
        abandoned = self.keys.abandon(tenant, key, run, self.now_ns)
        holds = known is not None and known.answer is None and run == known.runs[-1]
        assert abandoned == holds
        if known is not None and holds:
            known.held_until_ns = known.written_ns = self.now_ns

    @invariant()
    def no_more_is_kept_than_there_is_room_for(self) -> None:
        """Count the records."""
        assert len(self.keys) <= KEYS_MAX


TestIdempotency = IdempotencyMachine.TestCase
TestIdempotency.settings = settings(stateful_step_count=30)


@given(
    horizon_ns=st.integers(0, 100),
    skew_ns=st.integers(0, 20),
    spare_ns=st.integers(1, 3),
    data=st.data(),
)
def test_a_repetition_within_the_horizon_never_runs_as_a_first_request(
    horizon_ns: int, skew_ns: int, spare_ns: int, data: st.DataObject
) -> None:
    limits = IdempotencyLimits(horizon_ns + skew_ns + spare_ns, horizon_ns, skew_ns)
    keys = IdempotencyKeys(limits, keys_max=1)
    assert keys.begin("ada", "k", "print", work_id="first", now_ns=0) == Run("first", 1)
    if data.draw(st.booleans()):
        assert keys.finish("ada", "k", 1, "answer", 0) == "answer"
    at_ns = data.draw(st.sampled_from([0, horizon_ns, horizon_ns + skew_ns]))
    again = keys.begin("ada", "k", "print", work_id="second", now_ns=at_ns)
    assert again in (Run("first", 2), Replay("answer"))


@given(horizon_ns=st.integers(0, 100), skew_ns=st.integers(0, 20), data=st.data())
def test_keys_that_somebody_may_outlive_by_retrying_are_refused(
    horizon_ns: int, skew_ns: int, data: st.DataObject
) -> None:
    kept_ns = data.draw(st.integers(0, horizon_ns + skew_ns) | st.just(horizon_ns + skew_ns))
    with pytest.raises(ValueError, match=rf"^kept_ns must exceed .*, got {kept_ns}"):
        IdempotencyLimits(kept_ns, horizon_ns, skew_ns)


WORDS = st.text("a01:\ud800", max_size=4) | st.sampled_from(["1:", "0:0:"])


@given(one=st.tuples(WORDS, WORDS), other=st.tuples(WORDS, WORDS))
def test_two_pairs_of_tenant_and_key_have_one_name_only_if_they_are_one(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert (scoped_key(*one) == scoped_key(*other)) == (one == other)


PARTS = st.lists(st.binary(max_size=3) | st.sampled_from([b"1:a", b"1:", b"0:"]), max_size=4)


@given(one=PARTS, other=PARTS)
def test_two_requests_have_one_fingerprint_only_if_all_their_parts_are_equal(
    one: list[bytes], other: list[bytes]
) -> None:
    assert (fingerprint_of(one) == fingerprint_of(other)) == (one == other)
    assert fingerprint_of(one) != fingerprint_of([*one, b""])
