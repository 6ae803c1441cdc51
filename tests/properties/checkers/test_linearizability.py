"""The judge of registers: small histories one can check by hand, and a key in a real store."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
import redis

from properties.checkers.linearizability import (
    Access,
    Action,
    Read,
    Swap,
    Value,
    Write,
    linearizable,
)
from properties.checkers.verdict import Verdict
from reference_services.runtime.clock import monotonic_ns

CLIENTS = 4
ROUNDS = 60

SWAP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


def access(client: str, action: Action, invoked_ns: int, returned_ns: int | None) -> Access:
    return Access("seat", client, action, invoked_ns, returned_ns)


def test_a_read_during_a_write_may_find_either_value() -> None:
    write = access("ada", Write(1), 0, 10)
    assert linearizable([write, access("bob", Read(None), 5, 6)])
    assert linearizable([write, access("bob", Read(1), 5, 6)])


def test_what_one_reader_found_the_next_one_finds_too() -> None:
    judged = linearizable(
        [
            access("ada", Write(1), 0, 10),
            access("bob", Read(1), 2, 3),
            access("cyd", Read(None), 4, 5),
            access("dan", Write(7), 20, 30),
        ]
    )
    assert judged.verdict is Verdict.BROKEN
    assert judged.evidence == (
        "key seat, which held None at first; no order explains these:",
        "0 ns to no answer: ada wrote 1",
        "2 ns to 3 ns: bob read 1",
        "4 ns to 5 ns: cyd read None",
    )


def test_a_write_without_an_answer_may_take_effect_late_or_never_but_not_twice() -> None:
    lost = access("ada", Write(1), 0, None)
    over = access("bob", Write(2), 10, 11)
    assert linearizable([lost, over, access("cyd", Read(2), 20, 21)])
    assert linearizable([lost, over, access("cyd", Read(1), 20, 21)])
    again = [access("cyd", Read(value), at, at + 1) for at, value in ((20, 1), (22, 2))]
    assert linearizable([lost, over, *again]).verdict is Verdict.BROKEN


def test_of_two_swaps_from_the_same_value_one_succeeds() -> None:
    both = [access(who, Swap(None, who, swapped=True), 0, 10) for who in ("ada", "bob")]
    assert linearizable(both).verdict is Verdict.BROKEN
    assert linearizable([both[0], access("bob", Swap(None, "bob", swapped=False), 0, 10)])


def test_a_search_that_is_too_long_is_unknown() -> None:
    # Twelve writes at once, and a read of what none of them wrote: every order has to be tried.
    writes = [access("ada", Write(value), 0, 100) for value in range(12)]
    judged = linearizable([*writes, access("bob", Read(99), 0, 100)], steps_max=1_000)
    assert judged.verdict is Verdict.UNKNOWN
    assert judged.evidence == ("key seat: gave up after 1000 steps among 13 operations",)


def test_two_thousand_operations_of_five_clients_are_judged() -> None:
    # Each write overlaps four others, and each is read while it is the last.
    writes = [access(f"w{at % 5}", Write(at), 10 * at, 10 * at + 45) for at in range(1_000)]
    reads = [access("r", Read(at), 10 * at + 47, 10 * at + 48) for at in range(0, 1_000, 1)]
    judged = linearizable([*writes, *reads])
    assert judged.verdict is Verdict.HOLDS


def test_an_operation_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="returned before it was invoked: 5 ns to 4 ns"):
        linearizable([access("ada", Read(None), 5, 4)])


@pytest.mark.servers
def test_a_key_of_a_real_store_under_threads_is_one_register(valkey: str) -> None:
    history = concurrently(valkey, "honest", lambda client, key: client.get(key))
    assert len(history) == CLIENTS * ROUNDS
    assert linearizable(history)


@pytest.mark.servers
def test_a_key_behind_somebody_who_remembers_old_answers_is_not(valkey: str) -> None:
    with redis.Redis.from_url(valkey) as client:
        client.set("stale", "seen before")
        remembered = client.get("stale")
    turns = count()

    def get(client: redis.Redis, key: str) -> object:
        # The store is asked, and every fifth answer is that of long ago.
        found = client.get(key)
        return remembered if next(turns) % 5 == 0 else found

    history = concurrently(valkey, "stale", get)
    judged = linearizable(history, initial="seen before")
    assert judged.verdict is Verdict.BROKEN
    assert any("read seen before" in line for line in judged.evidence)
    assert len(judged.evidence) < 10


def concurrently(url: str, key: str, get: Callable[[redis.Redis, str], object]) -> list[Access]:
    """Read, write and swap one key of the store from several threads; return what they saw."""

    def act(client: redis.Redis, name: str, number: int, held: Value) -> Action:
        mine = f"{name}-{number}"
        if number % 3 == 0:
            client.set(key, mine)
            return Write(mine)
        if number % 3 == 1 and held is not None:
            swapped = client.eval(SWAP, 1, key, str(held), mine)
            return Swap(held, mine, swapped == 1)
        found = get(client, key)
        return Read(found.decode() if isinstance(found, bytes) else None)

    def session(name: str) -> list[Access]:
        seen: list[Access] = []
        held: Value = None
        with redis.Redis.from_url(url) as client:
            for number in range(ROUNDS):
                invoked_ns = monotonic_ns()
                action = act(client, name, number, held)
                seen.append(Access(key, name, action, invoked_ns, monotonic_ns()))
                held = action.value
        return seen

    with ThreadPoolExecutor(CLIENTS) as clients:
        sessions = clients.map(session, [f"client-{number}" for number in range(CLIENTS)])
        return [access for session in sessions for access in session]
