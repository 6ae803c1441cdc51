"""The ledger that runs in the store places as ``policies`` does, decision by decision.

What workers use takes the time from the store's clock; here the same Lua is told the time.
"""

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import redis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from policies.device_room import MEMORY_MAX_BYTES, Ask, Device, Strategy
from policies.placement import DeviceLease, DeviceLeases
from properties.strategies.placement import LEASE_NS, TIMES_NS, asks, devices, strategies
from reference_services.runtime.gpu_ledger import (
    LUA_BODY,
    ledger_keys,
    read_placement,
    read_ran_out,
)

MICROSECOND_NS = 1_000
ORIGIN_US = 1_790_000_000_123_457
"""Where the histories lie in the store's time, whose numbers have sixteen digits."""

CALL_WITH_TIME = """
return commands[ARGV[1]](tonumber(ARGV[2]), unpack(ARGV, 3))
"""

_pools = count()

a_real_store_is_slow = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Call(NamedTuple):
    """One call of the ledger, after some time."""

    after_ns: int
    command: str
    ask: Ask
    holder: int
    age: int
    """Of the token that is used: 0 is the newest there is."""

    device: int


class History(NamedTuple):
    """A pool, and calls."""

    pool: tuple[Device, ...]
    strategy: Strategy
    calls: tuple[Call, ...]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Jobs come and go and are silent for about a lease; of a pool of one of four kinds."""
    pool, asked = draw(devices()), asks()
    match draw(st.sampled_from(["small", "cut", "cut", "many", "huge"])):
        case "cut":
            slices = st.sampled_from([0, 0, 1, 1, 2, 2, 3, 4])
            pool, asked = draw(devices(slices=[7])), st.builds(Ask, st.just(1), slices)
        case "many":
            # What is asked for is too much for the first ten.
            pool = (*[Device(memory_bytes=1)] * 10, *pool)
        case "huge":
            pool, asked = (*pool, Device(MEMORY_MAX_BYTES)), asked | st.just(Ask(2**53 - 13))
        case _:
            pass
    others = ["release", *["renew"] * 4, "work", "work", "reap", "lose", "restore"]
    calls = st.builds(
        Call,
        after_ns=st.just(0) | st.just(0) | TIMES_NS,
        command=st.sampled_from(["acquire"] * 5 + others),
        ask=asked,
        holder=st.integers(0, 9),
        age=st.sampled_from([0, 0, 0, 1, 2, 3]),
        device=st.sampled_from([0, 1, 1, 2, 10, 11]),
    )
    return History(pool, draw(strategies()), tuple(draw(st.lists(calls, min_size=6, max_size=30))))


class Spoken(NamedTuple):
    """A call as the script is told it, and what the policy answers."""

    after_ns: int
    words: tuple[str | int, ...]
    answer: object
    free_bytes: list[int]


def by_python(history: History) -> list[Spoken]:
    """Return what the policy answers, call by call."""
    leases = DeviceLeases(history.pool, lease_ns=LEASE_NS, strategy=history.strategy)
    now_ns = newest = 0
    spoken: list[Spoken] = []
    for after_ns, command, ask, number, age, index in history.calls:
        now_ns += after_ns
        device = index % len(history.pool)
        token = newest - age
        answer: object = 1
        words: tuple[str | int, ...] = (token,)
        match command:
            case "acquire":
                holder = f"job {number}"
                words = LEASE_NS, ask.memory_bytes, ask.slices, ask.devices, holder
                answer = leases.take(holder, ask, now_ns)
                newest = max(newest, answer.token if isinstance(answer, DeviceLease) else 0)
            case "release":
                answer = int(leases.release(token, now_ns))
            case "renew":
                words = LEASE_NS, token
                lease = leases.renew(token, now_ns)
                answer = 0 if lease is None else lease.until_ns
            case "work":
                words = token, device, "a frame"
                answer = int(leases.admits(token, device, now_ns))
            case "reap":
                words = ()
                answer = sorted((lease.token, lease.holder) for lease in leases.reap(now_ns))
            case "lose":
                words = (device,)
                answer = sorted(lease.token for lease in leases.lose(device, now_ns))
            case _:
                words = (device,)
                leases.restore(device)
        leases.admits(0, 0, now_ns)
        rooms = leases.rooms()
        free_bytes = [rooms.free_bytes(each) for each in range(len(history.pool))]
        spoken.append(Spoken(after_ns, (command, *words), answer, free_bytes))
    return spoken


def by_lua(client: redis.Redis, history: History, spoken: list[Spoken]) -> list[Spoken]:
    """Return what the script answers to the same, in a store that knows nothing yet."""
    keys = ledger_keys(str(next(_pools)))
    script = client.register_script(LUA_BODY + CALL_WITH_TIME)
    told = [number for each in history.pool for number in (each.memory_bytes, each.slices)]
    pipeline = client.pipeline(transaction=False)
    script(keys, ["set_up", 0, int(history.strategy), *told], client=pipeline)
    # A nanosecond of the policy is a microsecond of the store, whose clock is not finer.
    now_us = ORIGIN_US
    for call in spoken:
        now_us += call.after_ns
        command, *words = call.words
        script(keys, [command, now_us, *words], client=pipeline)
        script(keys, ["free", now_us], client=pipeline)
    made, *answers = pipeline.execute()
    assert made == 1
    return [
        call._replace(answer=read(call, history_call.ask, answer), free_bytes=free_bytes)
        for call, history_call, answer, free_bytes in zip(
            spoken, history.calls, answers[::2], answers[1::2], strict=True
        )
    ]


def read(call: Spoken, ask: Ask, answer: object) -> object:
    """Return the script's answer in the policy's words."""
    match call.words[0]:
        case "acquire":
            placement = read_placement(answer, str(call.words[-1]), ask)
            if isinstance(placement, DeviceLease):
                until_ns = placement.until_ns // MICROSECOND_NS - ORIGIN_US
                return placement._replace(until_ns=until_ns)
            return placement
        case "renew":
            assert isinstance(answer, int)
            return answer - ORIGIN_US if answer else 0
        case "reap":
            return sorted(read_ran_out(answer))
        case "lose":
            assert isinstance(answer, list)
            return sorted(answer)
        case _:
            return answer


def story(pool: Sequence[Device], *calls: Call) -> History:
    """Return a history that would be drawn too seldom to be sure of."""
    return History(tuple(pool), Strategy.BEST_FIT, calls)


def acquire(holder: int, ask: Ask) -> Call:
    """Return a call that asks for room at once."""
    return Call(0, "acquire", ask, holder, 0, 0)


def newest(command: str, *, after_ns: int = 0, device: int = 0) -> Call:
    """Return a call about the newest token, or a device."""
    return Call(after_ns, command, Ask(1), 0, 0, device)


CUT, WHOLE = Device(memory_bytes=10, slices=7), Device(memory_bytes=8)


@given(history=histories())
@example(story([CUT], acquire(0, Ask(1, slices=1)), acquire(1, Ask(1, slices=2))))
@example(story([CUT], acquire(0, Ask(1)), acquire(1, Ask(1, slices=1))))
@example(story([*[Device(1)] * 10, WHOLE], acquire(0, Ask(8)), newest("work", device=1)))
@example(story([WHOLE, WHOLE], newest("lose"), acquire(0, Ask(8))))
@example(
    story(
        [WHOLE],
        acquire(0, Ask(8)),
        newest("renew", after_ns=LEASE_NS - 1),
        newest("work", after_ns=LEASE_NS - 1),
    )
)
@a_real_store_is_slow
def test_lua_and_python_place_alike_and_say_the_same_about_it(
    valkey_client: redis.Redis, history: History
) -> None:
    spoken = by_python(history)
    assert by_lua(valkey_client, history, spoken) == spoken
