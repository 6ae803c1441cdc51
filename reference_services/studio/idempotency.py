"""Idempotency keys: a request that is sent again is answered again, not carried out again.

A key belongs to one user. The first request under it is recorded, in one atomic
step, with what it asks for and the job it will become; every later one is held
against the record. The job is submitted after the record is made, under the
recorded id, each time: should the first caller die in between, the next one
completes its work, and the queue ignores what it has already.
"""

import hashlib
import json

from redis.asyncio import Redis
from redis.exceptions import RedisError

from reference_services.runtime.errors import Conflict
from reference_services.runtime.queue import QueueUnavailable

# Longer than anyone goes on retrying, shorter than the queue keeps what it completed.
_KEPT_MS = 24 * 3600 * 1000


class KeyReused(Conflict):
    """The key stands for another request already."""

    code = "idempotency_key_reused"


class IdempotencyKeys:
    """The keys of all users, kept in Valkey for 24 hours."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def claim(self, user: str, key: str, fingerprint: str, job_id: str) -> str:
        """Return the job that the user's ``key`` stands for: ``job_id``, if none so far.

        Args:
            user:        whose key it is.
            key:         as the client chose it.
            fingerprint: digest of what is asked for.
            job_id:      the job to become, should this be the first request.

        Raises:
            KeyReused:        the key stands for a request with another fingerprint.
            QueueUnavailable: Valkey did not answer.
        """
        record = json.dumps([fingerprint, job_id])
        try:
            earlier = await self._client.set(
                _name(user, key), record, px=_KEPT_MS, nx=True, get=True
            )
        except (RedisError, OSError) as error:
            raise QueueUnavailable(f"idempotency keys cannot be read: {error}") from error
        if earlier is None:
            return job_id
        assert isinstance(earlier, str)
        known_fingerprint, known_job_id = json.loads(earlier)
        if known_fingerprint != fingerprint:
            raise KeyReused("this Idempotency-Key was used for another request")
        return str(known_job_id)


def _name(user: str, key: str) -> str:
    # A digest, because both parts are the client's words: no separator is safe in them.
    digest = hashlib.sha256(json.dumps([user, key]).encode()).hexdigest()
    return f"studio:idempotency:{digest}"
