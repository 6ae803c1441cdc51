"""Bugs planted into the connection pool, in both of its tellings, and into judges of histories."""

from typing import Final

from properties.mutants.mutant import Mutant

_POLICY: Final = "policies/connection_pool.py"
_SERVER: Final = "reference_services/runtime/database_server.py"
_LAWS: Final = "properties/policies/test_connection_pool.py"
_MACHINE: Final = f"{_LAWS}::TestConnectionPool"
_FLEET: Final = f"{_LAWS}::test_the_shares_of_a_fleet_fit_and_one_more_each_would_not"
_P7: Final = "properties/test_p07_connection_pool.py"
_LIVE: Final = "properties/test_p07_connection_pool_live.py"
_REGISTER: Final = "properties/checkers/linearizability.py"
_REGISTER_LAWS: Final = "properties/checkers/test_linearizability.py"
_SUMS: Final = "properties/checkers/conservation.py"
_SUMS_LAWS: Final = "properties/checkers/test_conservation.py"

MUTANTS: Final = (
    Mutant(
        "what is being opened does not count",
        _POLICY,
        "            len(self._connections),\n            self._limits.connections_max,",
        "            len(self._connections) - len(self._opening),\n"
        "            self._limits.connections_max,",
        "A slow server gets more connections than agreed, and refuses those of other services.",
        (_MACHINE,),
    ),
    Mutant(
        "last come, first served",
        _POLICY,
        "ticket, connection = next(iter(self._waiting)), self._idle.pop()",
        "ticket, connection = next(reversed(self._waiting)), self._idle.pop()",
        "Under load whoever has waited longest starves until the deadline.",
        (_MACHINE,),
    ),
    Mutant(
        "newcomers get past those who wait",
        _POLICY,
        "        self._waiting[self._tickets] = deadline_ns\n",
        "        self._waiting = {self._tickets: deadline_ns, **self._waiting}\n",
        "A request that comes at the right moment is served before those in line.",
        (f"{_P7}::test_policy_first_come_first_served_and_told_at_the_deadline",),
    ),
    Mutant(
        "a failed borrower's connection leaks",
        _POLICY,
        "            del self._connections[connection]\n"
        "            return self._settle(now_ns, [Close(connection)])\n",
        "            return self._settle(now_ns, [Close(connection)])\n",
        "Each error makes the pool smaller by one, until nobody is served.",
        (_MACHINE,),
    ),
    Mutant(
        "a cancelled borrower's connection leaks",
        _POLICY,
        "        return self.give_back(now_ns, ticket)\n",
        "        return self._settle(now_ns)\n",
        "Each client that hangs up at the wrong moment keeps a connection for ever.",
        (_MACHINE,),
    ),
    Mutant(
        "a second hand-back takes it from the next",
        _POLICY,
        "connection = self._borrowed.pop(ticket, None)",
        "connection = self._borrowed.pop(\n"
        "            ticket if ticket in self._borrowed else next(iter(self._borrowed), 0), None\n"
        "        )",
        "Two requests share one connection, and read each other's answers.",
        (_MACHINE,),
    ),
    Mutant(
        "spoilt connections are lent again",
        _POLICY,
        "        if spoilt:\n",
        "        if spoilt and not self._waiting:\n",
        "The next request gets a connection whose transaction was left open.",
        (_MACHINE,),
    ),
    Mutant(
        "what opened during a failover is kept",
        _POLICY,
        "_Connection(self._generation)",
        "_Connection(self._generation + 1)",
        "Connections to the old primary are used after the failover, and writes are lost.",
        (_MACHINE,),
    ),
    Mutant(
        "old connections survive a failover",
        _POLICY,
        "    return generation == newest and now_ns < retire_ns",
        "    return now_ns < retire_ns",
        "After a failover requests still go to the old primary, for as long as connections live.",
        (_MACHINE,),
    ),
    Mutant(
        "after a failover all reconnect at once",
        _POLICY,
        "        self._generation += 1\n        self._open_one_by_one(now_ns)",
        "        self._generation += 1",
        "All processes storm the new primary, which then refuses them.",
        (_MACHINE,),
    ),
    Mutant(
        "refused connections are tried again at once",
        _POLICY,
        "        del self._connections[connection]\n        self._open_one_by_one(now_ns)",
        "        del self._connections[connection]",
        "A server that refuses connections is asked for more of them as fast as it can refuse.",
        (_MACHINE,),
    ),
    Mutant(
        "a postponed opening is forgotten",
        _POLICY,
        "                self._open_at_ns = now_ns + wait_ns\n",
        "",
        "After a failover the pool stays empty although the server is back.",
        (_MACHINE,),
    ),
    Mutant(
        "lifetimes longer by the jitter",
        _POLICY,
        "lifetime_max_ns - int(",
        "lifetime_max_ns + int(",
        "Connections outlive what a firewall allows, and requests hang on dead ones.",
        (f"{_LAWS}::test_a_lifetime_is_shorter_by_the_jitter_at_most_and_never_longer",),
    ),
    Mutant(
        "idle connections are never closed",
        _POLICY,
        "            or now_ns - self._connections[number].idle_since_ns >= "
        "self._limits.idle_max_ns\n",
        "",
        "A quiet service keeps as many connections as in its worst minute.",
        (_MACHINE,),
    ),
    Mutant(
        "lent at the deadline",
        _POLICY,
        "                if deadline_ns > until_ns:",
        "                if deadline_ns >= until_ns:",
        "A connection is handed to somebody who has just given up, and is lost.",
        (_MACHINE,),
    ),
    Mutant(
        "the maximum holds for each process",
        _POLICY,
        "(server_max - reserved) // processes - besides",
        "server_max - reserved - besides",
        "Scaling out exhausts the database's connections: sorry, too many clients already.",
        (_FLEET,),
    ),
    Mutant(
        "the watching connection is forgotten",
        _POLICY,
        "// processes - besides",
        "// processes",
        "The fleet needs one connection more for each process than the server has.",
        (_FLEET,),
    ),
    Mutant(
        "the simulated pool serves the last first",
        "sim/models/places.py",
        "self._line.next().succeed()",
        "self._line.pop().succeed()",
        "The simulator promises latencies that no first-in-first-out pool has.",
        (f"{_P7}::test_simulated_pools_are_kept_served_in_order_and_empty_in_the_end",),
    ),
    Mutant(
        "simulated queries give back before they run",
        "sim/models/database.py",
        "        if query_ns:\n            yield Pause(timeline, query_ns)\n"
        "        connections.leave()\n",
        "        connections.leave()\n        if query_ns:\n"
        "            yield Pause(timeline, query_ns)\n",
        "A pool of any size looks large enough in the simulator.",
        (f"{_P7}::test_simulated_mean_in_use_is_throughput_times_service_time",),
    ),
    Mutant(
        "the real pool overflows",
        _SERVER,
        "max_overflow=0,",
        "max_overflow=4,",
        "Under load each process opens more connections than its share.",
        (_LIVE,),
    ),
    Mutant(
        "the real pool leaks what is not closed",
        _SERVER,
        "                async with aclosing(connection):\n                    yield connection\n",
        "                yield connection\n                await connection.close()\n",
        "Each failed statement costs a connection, until all are busy.",
        (_LIVE,),
    ),
    Mutant(
        "the real pool lends connections that were closed",
        _SERVER,
        '    event.listen(engine.sync_engine, "checkout", _refuse_closed)\n',
        "",
        "After a quiet night the first requests of the morning fail.",
        (f"{_LIVE}::test_idle_connections_that_the_server_ended_are_replaced_and_nobody_notices",),
    ),
    Mutant(
        "a register may go back in time",
        _REGISTER,
        "until_ns = min(_known(until_ns), _known(answered[index].returned_ns))",
        "until_ns = max(_known(until_ns), _known(answered[index].returned_ns))",
        "Stale reads of a store that promises none are not told.",
        (_REGISTER_LAWS,),
    ),
    Mutant(
        "a lost write must have happened",
        _REGISTER,
        "it for it in in_order if it.returned_ns is None and not isinstance(it.action, Read)",
        "it for it in in_order if it.returned_ns is None and it.action == ()",
        "A store is blamed for a write that took effect although its answer was lost.",
        (_REGISTER_LAWS,),
    ),
    Mutant(
        "a comparison always swaps",
        _REGISTER,
        "return (value if swapped else held), swapped is (held == expected)",
        "return (value if swapped else held), True",
        "Two winners of one compare-and-set are not told.",
        (_REGISTER_LAWS,),
    ),
    Mutant(
        "giving up passes for an answer",
        _REGISTER,
        "return Verdict.UNKNOWN",
        "return Verdict.BROKEN",
        "A history that is too long to judge is called wrong.",
        (f"{_REGISTER_LAWS}::test_too_short_a_search_is_told_and_never_taken_for_an_answer",),
    ),
    Mutant(
        "unknown passes",
        "properties/checkers/verdict.py",
        "return self.verdict is Verdict.HOLDS",
        "return self.verdict is not Verdict.BROKEN",
        "A run in which nobody could tell counts as one in which all was well.",
        ("tests/properties/checkers/test_verdict.py",),
    ),
    Mutant(
        "nothing at all passes",
        "properties/checkers/verdict.py",
        'return unknown("nothing was judged")',
        "return holds()",
        "A run whose history got lost counts as one in which all was well.",
        ("tests/properties/checkers/test_empty_histories.py",),
    ),
    Mutant(
        "lost requests are not missed",
        _SUMS,
        "        if number not in ended\n",
        "        if number in ended\n        and not ended[number]\n",
        "A platform that forgets requests adds up.",
        (_SUMS_LAWS,),
    ),
    Mutant(
        "a job done twice counts once",
        _SUMS,
        "for number, count in done.items() if count > 1",
        "for number, count in done.items() if count > 2",
        "A customer's film is made twice, and nobody is told.",
        (_SUMS_LAWS,),
    ),
)
