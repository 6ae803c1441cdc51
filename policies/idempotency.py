"""Idempotency keys: a request that is sent again is answered again, not carried out again.

The first request under a key is carried out and its answer kept. The same key with the same
fingerprint gets that answer, or hears that it is still in progress; the same key with another
fingerprint is a conflict. Keys belong to a tenant: nobody meets another one's.

Whoever runs the work holds the key for ``hold_ns``. If it dies, the next request runs the work
again, under the *same* work id. It may have died after the effect: at most one effect per key
therefore needs a sink that knows the work id. Without one, exactly-once is impossible, and no
arrangement of keys makes up for that.

Bound: a repetition within ``retry_horizon_ns + clock_skew_ns`` of the first request meets its
record, because records are kept longer than that since they were last written.

Source: J. Jena, S. Dalal, "The Idempotency-Key HTTP Header Field", IETF draft
draft-ietf-httpapi-idempotency-key-header (2021 and later).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias


@dataclass(frozen=True, slots=True)
class IdempotencyLimits:
    """How long keys are held and kept.

    Raises:
        ValueError: a time is negative, a key is held as long as it is kept, or it is not kept
            for longer than somebody may go on retrying.
    """

    kept_ns: int
    """How long a record is kept since it was last written."""

    retry_horizon_ns: int
    """How long after its first request a client may still repeat it."""

    clock_skew_ns: int = 0
    """How much the clocks involved may differ."""

    hold_ns: int = 0
    """How long others wait for whoever runs the work; 0: they run it too, at once, which is
    right where its effects are keyed by the work id and waiting costs more than running."""

    def __post_init__(self) -> None:
        for name in ("retry_horizon_ns", "clock_skew_ns", "hold_ns"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.kept_ns <= self.retry_horizon_ns + self.clock_skew_ns:
            raise ValueError(
                f"kept_ns must exceed retry_horizon_ns + clock_skew_ns"
                f" = {self.retry_horizon_ns + self.clock_skew_ns}, got {self.kept_ns}"
            )
        if self.hold_ns >= self.kept_ns:
            raise ValueError(f"hold_ns must be below kept_ns, got {self.hold_ns}")


class KeyRecord(NamedTuple):
    """What is known of a key."""

    fingerprint: str
    work_id: str
    """What the effects are keyed by, in every run."""

    answer: str | None = None
    """None: nobody has finished yet."""

    run: int = 1
    """Which run holds the key; at least 1, and higher than that of every run under it before."""

    held_until_ns: int = 0
    kept_until_ns: int = 2**63 - 1


class Run(NamedTuple):
    """Carry the work out, under this id."""

    work_id: str
    run: int
    """Is asked for when the work is finished; a later run's number is greater."""


class Replay(NamedTuple):
    """Give the kept answer, byte for byte."""

    answer: str


class InProgress(NamedTuple):
    """Somebody is at it."""

    retry_after_ns: int


class KeyReused(NamedTuple):
    """The key stands for another request; nothing may happen."""


Verdict: TypeAlias = Run | Replay | InProgress | KeyReused


def fingerprint_of(parts: Iterable[bytes]) -> str:
    """Return a digest of what a request asks for, like its method, path and body.

    Args:
        parts: in canonical form, in a fixed order; their borders count.
    """
    digest = hashlib.sha256()
    for part in parts:
        # With its length before it, no part can pass for the end of another.
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.hexdigest()


def scoped_key(tenant: str, key: str) -> str:
    """Return a name for a tenant's key that no other pair has; both may hold any text."""
    return fingerprint_of((_bytes(tenant), _bytes(key)))


def _bytes(text: str) -> bytes:
    # Headers may bring in what is no text; a lone surrogate must not become an error here.
    return text.encode("utf-8", "surrogatepass")


def judge(known: KeyRecord | None, fingerprint: str, work_id: str, now_ns: int) -> Verdict:
    """Decide one request under a key.

    Whoever keeps the records has to look at the known one and to write the new one
    (``begun``) in one atomic step, if the verdict is to run.

    Args:
        known: what is kept under the key; None: nothing.
        fingerprint: of what is asked for now.
        work_id: the id to work under, should this be the first request.
        now_ns: the time, on the clock of the records.
    """
    if known is None or now_ns >= known.kept_until_ns:
        return Run(work_id, 1)
    if known.fingerprint != fingerprint:
        return KeyReused()
    if known.answer is not None:
        return Replay(known.answer)
    if now_ns < known.held_until_ns:
        return InProgress(known.held_until_ns - now_ns)
    return Run(known.work_id, known.run + 1)


class IdempotencyKeys:
    """The keys of all tenants in one place, each step atomic.

    Args:
        limits: how long keys are held and kept.
        keys_max: how many are kept; at least 1.

    Raises:
        ValueError: ``keys_max`` is out of range.
    """

    __slots__ = ("_forgotten_run", "_keys_max", "_limits", "_now_ns", "_records")

    def __init__(self, limits: IdempotencyLimits, keys_max: int) -> None:
        if keys_max < 1:
            raise ValueError(f"keys_max must be at least 1, got {keys_max}")
        self._limits = limits
        self._keys_max = keys_max
        # In the order in which they were written, which is that in which they are forgotten.
        self._records: dict[str, KeyRecord] = {}
        self._now_ns = 0
        # The highest number of a run whose record was forgotten.
        self._forgotten_run = 0

    def __len__(self) -> int:
        return len(self._records)

    def begin(
        self, tenant: str, key: str, fingerprint: str, *, work_id: str, now_ns: int
    ) -> Verdict | None:
        """Decide one request, and record its run; time must not run backwards.

        None: no more keys can be kept, and to drop one before its time would let its request
        happen twice. Nothing may be carried out; the client has to come back later.
        """
        self._advance_to(now_ns)
        name = scoped_key(tenant, key)
        verdict = judge(self._records.get(name), fingerprint, work_id, now_ns)
        if isinstance(verdict, Run):
            if name not in self._records:
                if len(self._records) >= self._keys_max:
                    return None
                # Whoever slept until the key's record was forgotten must not pass for this run.
                verdict = Run(verdict.work_id, self._forgotten_run + 1)
            held_until_ns = now_ns + self._limits.hold_ns
            self._write(
                name, KeyRecord(fingerprint, verdict.work_id, None, verdict.run, held_until_ns)
            )
        return verdict

    def finish(self, tenant: str, key: str, run: int, answer: str, now_ns: int) -> str | None:
        """Keep the answer of a run, unless a later run holds the key; return the answer kept.

        None: no answer is kept, because a later run is at it or the record has gone. Whoever
        ran this must not tell its own answer, which may come to differ from the kept one.
        """
        self._advance_to(now_ns)
        name = scoped_key(tenant, key)
        known = self._records.get(name)
        if known is None or known.answer is not None or known.run != run:
            return None if known is None else known.answer
        self._write(name, known._replace(answer=answer))
        return answer

    def abandon(self, tenant: str, key: str, run: int, now_ns: int) -> bool:
        """Let go of a key whose run failed without any effect; the next request runs at once.

        The record stays, with its work id: what failed without effect here may have had one
        in an earlier run. False: the key is not held by this run.
        """
        self._advance_to(now_ns)
        name = scoped_key(tenant, key)
        known = self._records.get(name)
        if known is None or known.answer is not None or known.run != run:
            return False
        self._write(name, known._replace(held_until_ns=now_ns))
        return True

    def _write(self, name: str, record: KeyRecord) -> None:
        self._records.pop(name, None)
        kept_until_ns = self._now_ns + self._limits.kept_ns
        self._records[name] = record._replace(kept_until_ns=kept_until_ns)

    def _advance_to(self, now_ns: int) -> None:
        assert now_ns >= self._now_ns, "time ran backwards"
        self._now_ns = now_ns
        while self._records:
            name, oldest = next(iter(self._records.items()))
            if now_ns < oldest.kept_until_ns:
                return
            self._forgotten_run = max(self._forgotten_run, oldest.run)
            del self._records[name]
