"""The cache that runs in the store decides as ``policies`` does: read, fill and invalidate.

What the store adds (announced writes, floors) is not used here; ``properties/services`` plays it.
Nothing ends by itself while a history lasts: the store's clock cannot be told.
"""

from itertools import count

import pytest
import redis
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from policies.cache import FOREVER_NS, Fill, Hit, LeasedEntry, Wait
from reference_services.runtime.cache_entries import entry_keys, script_source

LONG_MS = 600_000

READ, INVALIDATE = "read", "invalidate"

# A whole number is a fill by the reader who got the lease of that number, early, late or twice.
histories = st.lists(
    st.one_of(st.just(READ), st.just(READ), st.just(INVALIDATE), st.integers(1, 4)), max_size=20
)

MUTANTS = {
    "a lease is used twice": ("redis.call('DEL', lease)\n    if tonumber", "if tonumber"),
    "leases are handed on": ("redis.call('GET', lease) ~= token", "false"),
    "leases are not revoked": (
        "    redis.call('DEL', value, lease)\n    -- Two",
        "    redis.call('DEL', value)\n    -- Two",
    ),
    "values are not forgotten": (
        "    redis.call('DEL', value, lease)\n    -- Two",
        "    redis.call('DEL', lease)\n    -- Two",
    ),
    "everybody gets a lease": ("'NX', 'PX', lease_ms", "'PX', lease_ms"),
}

_keys = count()

a_real_store_is_slow = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def by_python(history: list[str | int]) -> list[object]:
    """Return what the policy answers, step by step."""
    entry = LeasedEntry(lease_ns=FOREVER_NS - 1)
    answers: list[object] = []
    for step in history:
        if step == READ:
            match entry.read(now_ns=0):
                case Hit(version):
                    answers.append(("hit", version))
                case Fill(lease):
                    answers.append(("fill", lease))
                case Wait():
                    answers.append("wait")
        elif step == INVALIDATE:
            entry.invalidate(now_ns=0)
        else:
            assert isinstance(step, int)
            answers.append(entry.fill(step, now_ns=0, ttl_ns=FOREVER_NS))
    return answers


def by_lua(client: redis.Redis, script: str, history: list[str | int]) -> list[object]:
    """Return what the store answers to the same, with its tokens numbered as they are given."""
    keys = entry_keys(f"history-{next(_keys)}")
    leases = 0
    answers: list[object] = []
    for step in history:
        if step == READ:
            answer = client.eval(script, 4, *keys, "read", leases + 1, LONG_MS)
            if isinstance(answer, bytes):
                answers.append(("hit", int(answer.split(b"\n")[1])))
            elif answer == [1, 0]:
                leases += 1
                answers.append(("fill", leases))
            else:
                assert answer == [0, 0]
                answers.append("wait")
        elif step == INVALIDATE:
            # Without a floor: what was committed is told apart by leases alone.
            client.eval(script, 4, *keys, "invalidate", "", 1, 1)
            client.delete(keys[2])
        else:
            answers.append(client.eval(script, 4, *keys, "fill", step, 1, LONG_MS, step) == 1)
    return answers


@given(history=histories)
@a_real_store_is_slow
def test_lua_and_python_answer_alike(valkey_client: redis.Redis, history: list[str | int]) -> None:
    assert by_lua(valkey_client, script_source("lease"), history) == by_python(history)


@pytest.mark.parametrize(("written", "instead"), MUTANTS.values(), ids=MUTANTS)
def test_each_known_mistake_is_told_apart(
    valkey_client: redis.Redis, written: str, instead: str
) -> None:
    source = script_source("lease")
    assert source.count(written) == 1
    script = source.replace(written, instead)
    find(
        histories,
        lambda history: by_lua(valkey_client, script, history) != by_python(history),
        settings=settings(
            a_real_store_is_slow, max_examples=2_000, derandomize=True, phases=[Phase.generate]
        ),
    )
