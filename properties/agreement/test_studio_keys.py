"""The studio's keys in a real Valkey lead to what the policy decides, for the same requests.

The one keeps records as JSON under names and forgets by its server's clock, the other as values
by the time that it is told; what a request leads to comes from the same ``judge``.
"""

import asyncio
from itertools import count
from typing import NamedTuple

import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.idempotency import IdempotencyKeys, KeyReused, Replay, Run
from reference_services.runtime.queue_bullmq import QueueServer
from reference_services.studio.idempotency import LIMITS, KeyIsReused
from reference_services.studio.idempotency import IdempotencyKeys as StudioKeys

_runs = count()

WORDS = st.sampled_from(["", "a", "a:b", "b", "1:a", "\u00e9"])


class Step(NamedTuple):
    """A request under a key, whose caller may die before the job is in the queue."""

    user: str
    key: str
    fingerprint: str
    lives: bool


STEPS = st.lists(
    st.builds(
        Step,
        user=WORDS,
        key=WORDS,
        fingerprint=st.sampled_from(["print", "print", "other"]),
        lives=st.booleans(),
    ),
    max_size=12,
)


@given(steps=STEPS)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_studio_and_the_policy_lead_to_the_same(
    valkey_client: redis.Redis, steps: list[Step]
) -> None:
    run = next(_runs)
    by_studio = asyncio.run(_by_studio(url_of(valkey_client), run, steps))
    assert by_studio == _by_policy(run, steps)


@given(claims=st.integers(2, 8))
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_of_many_claims_at_once_one_is_first_and_all_lead_to_its_job(
    valkey_client: redis.Redis, claims: int
) -> None:
    async def claim_at_once() -> set[str]:
        client = QueueServer(url_of(valkey_client)).connect()
        keys, key = StudioKeys(client), f"at once {next(_runs)}"
        verdicts = await asyncio.gather(
            *(keys.claim("ada", key, "print", str(number)) for number in range(claims))
        )
        await client.aclose()
        return {verdict.work_id for verdict in verdicts if isinstance(verdict, Run)}

    assert len(asyncio.run(claim_at_once())) == 1


def url_of(client: redis.Redis) -> str:
    """Return the address that a client was made for."""
    options = client.connection_pool.connection_kwargs
    return f"redis://{options['host']}:{options['port']}/0"


def _by_policy(run: int, steps: list[Step]) -> list[str]:
    keys = IdempotencyKeys(LIMITS, keys_max=100)
    told: list[str] = []
    for number, step in enumerate(steps):
        verdict = keys.begin(
            step.user, f"{run}{step.key}", step.fingerprint, work_id=str(number), now_ns=0
        )
        match verdict:
            case Run(work_id, running):
                told.append(f"run {work_id}")
                if step.lives:
                    keys.finish(step.user, f"{run}{step.key}", running, work_id, now_ns=0)
            case Replay(answer):
                told.append(f"replay {answer}")
            case _:
                assert verdict == KeyReused()
                told.append("reused")
    return told


async def _by_studio(url: str, run: int, steps: list[Step]) -> list[str]:
    client = QueueServer(url).connect()
    keys = StudioKeys(client)
    told: list[str] = []
    for number, step in enumerate(steps):
        key = f"{run}{step.key}"
        try:
            verdict = await keys.claim(step.user, key, step.fingerprint, str(number))
        except KeyIsReused:
            told.append("reused")
            continue
        match verdict:
            case Run(work_id):
                told.append(f"run {work_id}")
                if step.lives:
                    await keys.keep(step.user, key, step.fingerprint, work_id)
            case Replay(answer):
                told.append(f"replay {answer}")
    await client.aclose()
    return told
