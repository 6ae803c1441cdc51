"""Forgets what a platform has cached, so that a run starts as cold as its scenario says."""

import redis

from worlds.processes.ports import LOOPBACK

_QUEUE_PREFIX = b"bull:"
_BATCH = 500


def forget_cached(port: int, password: str) -> int:
    """Remove every key of the cache but the job queue's; return how many.

    Entries of caches, the logs of rate limits and idempotency keys go; jobs stay.

    Raises:
        redis.RedisError: the cache does not answer.
    """
    forgotten = 0
    with redis.Redis(host=LOOPBACK, port=port, password=password) as cache:
        keys = [key for key in cache.scan_iter(count=_BATCH) if not key.startswith(_QUEUE_PREFIX)]
        for start in range(0, len(keys), _BATCH):
            forgotten += cache.unlink(*keys[start : start + _BATCH])
    return forgotten
