"""Idempotency keys: a request that is sent again is answered again, not carried out again.

What a request under a key leads to is decided by ``policies.idempotency``; here are the records,
in Valkey. The first request is recorded, in one atomic step, with what it asks for and the job
it will become; every later one is held against the record. Nobody waits for whoever came first:
a job that is submitted again under the recorded id is the same job, so should the first caller
die in between, the next one completes its work.

Once the job is in the queue, the record says so, and from then on nobody submits it again. The
queue keeps only so many jobs that are done; one that it has forgotten would be new to it.
"""

import json
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from policies.idempotency import (
    IdempotencyLimits,
    InProgress,
    KeyRecord,
    KeyReused,
    Replay,
    Run,
    judge,
    scoped_key,
)
from reference_services.runtime.clock import NS_PER_MS, NS_PER_S
from reference_services.runtime.errors import Conflict
from reference_services.runtime.queue import QueueUnavailable

_HOUR_NS: Final = 3600 * NS_PER_S

LIMITS: Final = IdempotencyLimits(
    kept_ns=24 * _HOUR_NS, retry_horizon_ns=23 * _HOUR_NS, clock_skew_ns=_HOUR_NS // 2
)
"""A client may repeat a request for 23 hours."""


class KeyIsReused(Conflict):
    """The key stands for another request already."""

    code = "idempotency_key_reused"


class IdempotencyKeys:
    """The keys of all users, kept in Valkey for as long as ``LIMITS`` says."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def claim(self, user: str, key: str, fingerprint: str, job_id: str) -> Run | Replay:
        """Say what a request under a key leads to: submit a job, or answer with its id again.

        Args:
            user:        whose key it is.
            key:         as the client chose it.
            fingerprint: digest of what is asked for.
            job_id:      the job to become, should this be the first request.

        Raises:
            KeyIsReused:      the key stands for a request with another fingerprint.
            QueueUnavailable: Valkey did not answer.
        """
        record = json.dumps([fingerprint, job_id, None])
        kept_ms = LIMITS.kept_ns // NS_PER_MS
        try:
            earlier = await self._client.set(
                _name(user, key), record, px=kept_ms, nx=True, get=True
            )
        except (RedisError, OSError) as error:
            raise QueueUnavailable(f"idempotency keys cannot be read: {error}") from error
        assert earlier is None or isinstance(earlier, str)
        known = None if earlier is None else KeyRecord(*json.loads(earlier))
        # Valkey's clock forgets the records, and nobody holds a key; so no time is asked for.
        verdict = judge(known, fingerprint, job_id, now_ns=0)
        if isinstance(verdict, KeyReused):
            raise KeyIsReused("this Idempotency-Key was used for another request")
        assert not isinstance(verdict, InProgress), "nobody waits for a key"
        return verdict

    async def keep(self, user: str, key: str, fingerprint: str, job_id: str) -> None:
        """Record that the job of a key is in the queue, so that nobody submits it again.

        A record that has run out meanwhile is not renewed.

        Raises:
            QueueUnavailable: Valkey did not answer; the next request submits the job again,
                under the same id.
        """
        record = json.dumps([fingerprint, job_id, job_id])
        try:
            await self._client.set(_name(user, key), record, xx=True, keepttl=True)
        except (RedisError, OSError) as error:
            raise QueueUnavailable(f"idempotency keys cannot be written: {error}") from error


def _name(user: str, key: str) -> str:
    return f"studio:idempotency:{scoped_key(user, key)}"
