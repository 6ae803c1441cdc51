"""Planted bugs around caches: leases, freshness, versions, eviction, coalescing, consistency."""

from typing import Final

from properties.mutants.mutant import Mutant

_CACHE: Final = "policies/cache.py"
_CACHE_LAWS: Final = "properties/policies/test_cache.py"
_FRESHNESS: Final = "policies/freshness.py"
_FRESHNESS_LAWS: Final = "properties/policies/test_freshness.py"
_VERSIONED: Final = "policies/versioned_entry.py"
_VERSIONED_LAWS: Final = "properties/policies/test_versioned_entry.py"
_EVICTION: Final = "policies/eviction.py"
_S3FIFO: Final = "policies/eviction_s3fifo.py"
_EVICTION_LAWS: Final = "properties/policies/test_eviction.py"
_DEFINED: Final = f"{_EVICTION_LAWS}::test_each_evicts_whom_its_definition_evicts_and_in_that_order"
_MEMBERS: Final = (
    f"{_EVICTION_LAWS}::test_members_are_those_inserted_less_those_that_were_said_to_go"
)
_COALESCING: Final = "policies/coalescing.py"
_COALESCING_LAWS: Final = "properties/policies/test_coalescing.py"
_P3: Final = "properties/test_p03_cache_consistency.py"
_ORDERS: Final = (
    f"{_P3}::test_the_textbook_leaves_old_values_behind_in_some_orders_the_others_in_none"
)
_P3_SIMULATED: Final = "properties/test_p03_cache_consistency_simulated.py"
_P3_LIVE: Final = "properties/test_p03_cache_consistency_live.py"
_PAUSED: Final = f"{_P3_LIVE}::test_what_a_stopped_replica_shows_comes_back_by_the_textbook_only"
_LUA: Final = "reference_services/runtime/cache_lease.lua"
_LUA_PLAYS: Final = "properties/services/test_cache_aside.py"
_LUA_AGREES: Final = "properties/agreement/test_lua_cache.py::test_lua_and_python_answer_alike"
_SERVICE: Final = "reference_services/runtime/cache.py"
_CATALOG: Final = "reference_services/catalog/catalog.py"
_JUDGE: Final = "properties/checkers/staleness.py"
_JUDGE_LAWS: Final = "properties/checkers/test_staleness.py"

_LEASES: Final = (
    Mutant(
        name="leases are handed on",
        file=_CACHE,
        before="self._state is not _State.LEASED or lease != self._lease or",
        after="self._state is not _State.LEASED or",
        because="Who loaded before the commit fills in the name of who loads after it.",
        killers=(f"{_ORDERS}[leases]", _CACHE_LAWS),
    ),
    Mutant(
        name="invalidating does not revoke the lease",
        file=_CACHE,
        before="        self._state = _State.ABSENT\n        self._until_ns = now_ns\n",
        after="        if self._state is _State.FRESH:\n"
        "            self._state = _State.ABSENT\n            self._until_ns = now_ns\n",
        because="A value that was on its way comes in after the commit that made it old.",
        killers=(f"{_ORDERS}[leases]", _CACHE_LAWS),
    ),
    Mutant(
        name="a lease that ran out still fills",
        file=_CACHE,
        before="lease != self._lease or now_ns >= self._until_ns:",
        after="lease != self._lease or now_ns > self._until_ns:",
        because="Two readers may hold the lease at once: its end belongs to both.",
        killers=(f"{_CACHE_LAWS}::TestLease", _CACHE_LAWS),
    ),
)

_FRESHNESSES: Final = (
    Mutant(
        name="every reader of a stale value revalidates it",
        file=_FRESHNESS,
        before="ticket=0 if taken else self._hand_out(now_ns)",
        after="ticket=self._hand_out(now_ns)",
        because="The moment a popular value gets stale, the whole crowd loads it.",
        killers=(f"{_FRESHNESS_LAWS}::TestFreshness",),
    ),
    Mutant(
        name="a value good on error is served without one",
        file=_FRESHNESS,
        before="(verdict == ON_ERROR and self._failed and taken)",
        after="verdict == ON_ERROR",
        because="Readers get values older than they were promised, with the origin in good health.",
        killers=(f"{_FRESHNESS_LAWS}::TestFreshness",),
    ),
    Mutant(
        name="jitter makes lives longer",
        file=_FRESHNESS,
        before="return ttl_ns - int(spread_ns * uniform)",
        after="return ttl_ns + int(spread_ns * uniform)",
        because="Values outlive the staleness that was promised, and a long life overflows.",
        killers=(f"{_FRESHNESS_LAWS}::test_a_jittered_time_to_live_stays_within_its_bounds",),
    ),
    Mutant(
        name="jitter is rounded to whole permilles",
        file=_FRESHNESS,
        before="return ttl_ns - int(spread_ns * uniform)",
        after="return ttl_ns - spread_ns // PERMILLE * int(PERMILLE * uniform)",
        because="A thousand ends for millions of values: short lives do not spread at all.",
        killers=(
            f"{_FRESHNESS_LAWS}::test_even_draws_spread_the_ends_evenly_over_the_whole_jitter",
        ),
    ),
    Mutant(
        name="no pause after a load that failed",
        file=_FRESHNESS,
        before="self._nobody_until_ns = now_ns + self._limits.error_pause_ns",
        after="self._nobody_until_ns = now_ns",
        because="A failing origin is asked again by each reader, one after the other.",
        killers=(f"{_FRESHNESS_LAWS}::TestFreshness",),
    ),
    Mutant(
        name="a void ticket stores",
        file=_FRESHNESS,
        before="return ticket == self._ticket and now_ns",
        after="return now_ns",
        because="A revalidator that was given up on overwrites what its successor will bring.",
        killers=(f"{_FRESHNESS_LAWS}::TestFreshness",),
    ),
)

_VERSIONS: Final = (
    Mutant(
        name="tombstones are not remembered",
        file=_VERSIONED,
        before="self._remember_until(min(now_ns + self._limits.tombstone_ns, FOREVER_NS))",
        after="self._remember_until(now_ns)",
        because="A delete in a tombstone's place lets a reader bring the old value back.",
        killers=(f"{_ORDERS}[versions]", _VERSIONED_LAWS),
    ),
    Mutant(
        name="a fill comes a nanosecond too late",
        file=_VERSIONED,
        before="if now_ns >= fill_by_ns:",
        after="if now_ns > fill_by_ns:",
        because="At that moment the tombstone is gone that would have told it is old.",
        killers=(f"{_ORDERS}[versions]", f"{_VERSIONED_LAWS}::TestVersions"),
    ),
    Mutant(
        name="the same version lives anew",
        file=_VERSIONED,
        before="version >= known_version and version > value_version",
        after="version >= known_version and version >= value_version",
        because="Slow fills prolong a value whose invalidation was lost, beyond its time to live.",
        killers=(f"{_VERSIONED_LAWS}::test_only_what_is_in_time_and_newer_or_missing_is_stored",),
    ),
    Mutant(
        name="a short-lived value ends its tombstone",
        file=_VERSIONED,
        before="self._known_until_ns = max(self._known_until_ns, until_ns)",
        after="self._known_until_ns = until_ns",
        because="Once the value has expired, an older one may be filled in.",
        killers=(
            f"{_P3}::test_a_value_that_lives_for_a_nanosecond_leaves_no_gap_for_an_older_one",
        ),
    ),
    Mutant(
        name="the last invalidation counts, not the latest commit",
        file=_VERSIONED,
        before="if version > self._known_version(now_ns):",
        after="if version != self._known_version(now_ns):",
        because="Two writers invalidate in the other order than they committed in.",
        killers=(f"{_ORDERS}[versions]",),
    ),
    Mutant(
        name="tombstones need not outlive the lag",
        file=_VERSIONED,
        before="least = self.fill_max_ns + self.lag_max_ns",
        after="least = self.fill_max_ns",
        because="What a lagging replica shows comes in after the tombstone has gone.",
        killers=(f"{_VERSIONED_LAWS}::test_a_tombstone_that_could_be_outlived_is_refused",),
    ),
)

_EVICTIONS: Final = (
    Mutant(
        name="a hit does not count for LRU",
        file=_EVICTION,
        before="        self._weights.move_to_end(key)\n        return True\n",
        after="        return True\n",
        because="What everybody asks for is evicted as soon as what nobody does.",
        killers=(f"{_DEFINED}[lru]",),
    ),
    Mutant(
        name="a member that grows is weighed twice",
        file=_EVICTION,
        before='        assert weight >= 1, "a value weighs something"\n        self.remove(key)\n',
        after='        assert weight >= 1, "a value weighs something"\n'
        "        self._weights.pop(key, None)\n",
        because="The cache believes that it is full, and in the end holds nothing.",
        killers=(f"{_MEMBERS}[lru]",),
    ),
    Mutant(
        name="LFU does not age",
        file=_EVICTION,
        before="            self._age = priority\n",
        after="            self._age = 0\n",
        because="What was popular last year is never evicted.",
        killers=(f"{_DEFINED}[lfu]",),
    ),
    Mutant(
        name="LFU believes places that are out of date",
        file=_EVICTION,
        before="            if turn != member.turn:\n",
        after="            if turn > member.turn:\n",
        because="It evicts whoever came first, however often it was used since.",
        killers=(f"{_DEFINED}[lfu]",),
    ),
    Mutant(
        name="who was removed still weighs",
        file=_EVICTION,
        before="        self._weight -= member.weight\n        # Its place",
        after="        # Its place",
        because="Each invalidation takes room from the cache for good.",
        killers=(f"{_MEMBERS}[lfu]",),
    ),
    Mutant(
        name="one use is enough for main",
        file=_S3FIFO,
        before="if member.uses <= 1:",
        after="if member.uses < 1:",
        because="Main fills with what was asked for twice, as an LRU's does.",
        killers=(f"{_DEFINED}[s3-fifo]",),
    ),
    Mutant(
        name="uses are not forgotten on the way to main",
        file=_S3FIFO,
        before="            member.uses = 0\n",
        after="",
        because="Each newcomer in main has three turns more than it deserves there.",
        killers=(
            f"{_EVICTION_LAWS}::test_in_main_of_s3fifo_three_uses_at_the_most_are_good_for_a_turn_each",
        ),
    ),
    Mutant(
        name="main spares a member only once",
        file=_S3FIFO,
        before="            member.uses -= 1\n",
        after="            member.uses = 0\n",
        because="What is used thrice a round goes like what is used once.",
        killers=(
            f"{_EVICTION_LAWS}::test_in_main_of_s3fifo_three_uses_at_the_most_are_good_for_a_turn_each",
        ),
    ),
    Mutant(
        name="ghosts are not laid",
        file=_S3FIFO,
        before="while self._ghost_weight > self._main_max:",
        after="while self._ghost_weight > 2 * self._main_max:",
        because="Keys without values take memory that nobody has counted.",
        killers=(
            f"{_DEFINED}[s3-fifo]",
            f"{_EVICTION_LAWS}::test_ghosts_are_no_members_and_hold_no_more_than_main_may",
        ),
    ),
    Mutant(
        name="ghosts are not asked",
        file=_S3FIFO,
        before="        if self._forget(key):\n",
        after="        if not self._forget(key) and key in self._main:\n",
        because="What is wanted again a little too late never gets into main.",
        killers=(f"{_DEFINED}[s3-fifo]",),
    ),
)

_COALESCINGS: Final = (
    Mutant(
        name="a dead leader is waited for",
        file=_COALESCING,
        before="    if now_ns >= leader_until_ns:\n        return LEAD, now_ns\n",
        after="    if now_ns >= leader_until_ns:\n        return WAIT, leave_at_ns\n",
        because="One process that dies holds up all that wait for it, for as long as they may.",
        killers=(
            f"{_COALESCING_LAWS}::test_a_follower_waits_only_while_it_may_and_has_somebody_to_wait_for",
        ),
    ),
    Mutant(
        name="who leads no longer still tells the others",
        file=_COALESCING,
        before="caller == flight.leader and now_ns < flight.leader_until_ns\n",
        after="now_ns < flight.leader_until_ns\n",
        because="An outcome of long ago ends the flight of its successor.",
        killers=(f"{_COALESCING_LAWS}::TestCoalescing",),
    ),
    Mutant(
        name="who is promoted also stays a follower",
        file=_COALESCING,
        before="                    del flight.followers[follower]\n",
        after="",
        because="It is told by itself, or leads and leaves at once.",
        killers=(f"{_COALESCING_LAWS}::TestCoalescing",),
    ),
    Mutant(
        name="followers wait for the leader, however long",
        file=_COALESCING,
        before="return Follow(caller, min(leave_at_ns, flight.leader_until_ns))",
        after="return Follow(caller, flight.leader_until_ns)",
        because="The bound of a follower's wait is the leader's, not its own.",
        killers=(f"{_COALESCING_LAWS}::TestCoalescing",),
    ),
    Mutant(
        name="who should have left is promoted",
        file=_COALESCING,
        before="                if now_ns < leave_at_ns:\n",
        after="                if leave_at_ns:\n",
        because="The others wait for one who has gone.",
        killers=(
            f"{_COALESCING_LAWS}::test_the_oldest_who_may_still_wait_is_promoted_though_others_have_not_looked_yet",
        ),
    ),
    Mutant(
        name="keys of silent leaders are kept",
        file=_COALESCING,
        before="        self._forget_what_is_over(now_ns)\n",
        after="",
        because="Each leader that dies leaves its key behind, until memory is full of them.",
        killers=(f"{_COALESCING_LAWS}::TestCoalescing",),
    ),
    Mutant(
        name="a key is forgotten while somebody may still wait",
        file=_COALESCING,
        before="max(limits.lead_max_ns, limits.wait_max_ns)",
        after="min(limits.lead_max_ns, limits.wait_max_ns)",
        because="Followers are sent away though their leader is at it.",
        killers=(f"{_COALESCING_LAWS}::TestCoalescing",),
    ),
)

_CONSISTENCY: Final = (
    Mutant(
        name="the store's leases are handed on",
        file=_LUA,
        before="    if redis.call('GET', lease) ~= token then\n        return 0\n    end\n",
        after="",
        because="Who loaded before the commit fills in the name of who loads after it.",
        killers=(_LUA_AGREES,),
    ),
    Mutant(
        name="announced writes are forgotten at once",
        file=_LUA,
        before="redis.call('ZADD', writers, string.format('%.0f', now_ms() + write_ms), token)",
        after="",
        because="What is loaded before the commit stays if the writer dies after it.",
        killers=(
            f"{_LUA_PLAYS}::test_whatever_the_order_nobody_reads_the_past_and_none_of_it_stays",
        ),
    ),
    Mutant(
        name="an emptied cache is believed to have its floors",
        file=_SERVICE,
        before="newest=min(memory_ns, connected_ns) < self._limits.lag_max_ns",
        after="newest=connected_ns < self._limits.lag_max_ns",
        because="After a flush an old value from a replica is cached for its time to live.",
        killers=(f"{_P3_LIVE}::test_a_cache_that_was_emptied_brings_no_old_value_back",),
    ),
    Mutant(
        name="the floor is not heeded",
        file=_CATALOG,
        before="if value.version < wanted.floor:",
        after="if value.version < 0:",
        because="Who has just written is answered what the replica still shows.",
        killers=(f"{_PAUSED}[lease-holds]",),
    ),
    Mutant(
        name="a commit is withdrawn, not settled",
        file=_CATALOG,
        before="        await announcement.settle(versions)\n",
        after="        await announcement.withdraw()\n",
        because="No floor is left behind, and the replica's old value is cached.",
        killers=(f"{_PAUSED}[lease-holds]",),
    ),
    Mutant(
        name="simulated writes invalidate nothing",
        file="sim/models/cache.py",
        before="        self.entry(key).invalidate(self.timeline.now_ns)\n",
        after="",
        because="The simulator promises a hit rate that no consistent cache can have.",
        killers=(_P3_SIMULATED,),
    ),
    Mutant(
        name="the simulator forgets the protection",
        file="sim/models/cache.py",
        before="cache_entry(self._protection, lease_ns=LEASE_NS)",
        after='cache_entry("none", lease_ns=LEASE_NS)',
        because="Stampedes are simulated where production has none.",
        killers=(_P3_SIMULATED,),
    ),
    Mutant(
        name="staleness is counted from the wrong version",
        file=_JUDGE,
        before="by = keys[read.key].above(read.version) if read.key in keys else None",
        after="by = keys[read.key].above(read.version + 1) if read.key in keys else None",
        because="The judge lets pass whoever is one version behind.",
        killers=(_JUDGE_LAWS,),
    ),
    Mutant(
        name="reads do not make versions known",
        file=_JUDGE,
        before="_known_of(writes, reads if by_reads else ())",
        after="_known_of(writes, ())",
        because="New and old values that take turns while a write is on its way go unnoticed.",
        killers=(_JUDGE_LAWS,),
    ),
)

MUTANTS: Final = (
    *_LEASES,
    *_FRESHNESSES,
    *_VERSIONS,
    *_EVICTIONS,
    *_COALESCINGS,
    *_CONSISTENCY,
)
