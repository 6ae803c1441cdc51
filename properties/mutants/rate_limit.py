"""Bugs planted into the limiters, and into the limit that the gateways share."""

from typing import Final

from properties.mutants.mutant import Mutant

_P11 = "properties/test_p11_rate_limit_enforcement.py"
_LIVE = "properties/test_p11_rate_limit_enforcement_live.py"
_LOG = "properties/policies/test_rate_limit.py"
_BUCKET = "properties/policies/test_token_bucket.py"
_COUNTERS = "properties/policies/test_window_counters.py"
_JOINT = "properties/policies/test_joint_limit.py"
_STORE = "properties/policies/test_store_failure.py"
_SUSPICION = "properties/policies/test_suspicion.py"
_LUA = "properties/agreement/test_lua_limiter.py"
_THREE_WAYS = "properties/agreement/test_compiled_rate_limit.py"

_SKEWED = f"{_LIVE}::test_gateways_with_wrong_clocks_admit_exactly_the_limit_in_any_true_window"

_LOGS = (
    Mutant(
        name="window edge still counts",
        file="policies/rate_limit.py",
        before="return max(0, filling_ns + window_ns - now_ns)",
        after="return max(0, filling_ns + window_ns - now_ns + 1)",
        because="Who returns exactly when told is refused once more.",
        killers=(_P11, _LOG),
    ),
    Mutant(
        name="one request too many",
        file="policies/rate_limit.py",
        before="if len(admitted_ns) < limit.requests:",
        after="if len(admitted_ns) <= limit.requests:",
        because="A limit of a hundred lets in a hundred and one.",
        killers=(_P11, _LOG),
    ),
    Mutant(
        name="refused requests count",
        file="policies/rate_limit.py",
        before="""    if wait_ns > 0:
        return Admission(admitted=False, retry_after_ns=wait_ns, remaining=0)
    admitted_ns.append(now_ns)
""",
        after="""    admitted_ns.append(now_ns)
    if wait_ns > 0:
        return Admission(admitted=False, retry_after_ns=wait_ns, remaining=0)
""",
        because="A client that polls while it is refused never gets in again.",
        killers=(_P11, _LOG),
    ),
    Mutant(
        name="logs as short as the narrowest tier's",
        file="policies/rate_limit.py",
        before="self._requests_max = max((",
        after="self._requests_max = min((",
        because="In the better tier nothing fills the limit, so that nobody is refused.",
        killers=(_P11, _LOG),
    ),
    Mutant(
        name="users forgotten after the shortest window",
        file="policies/rate_limit.py",
        before="self._window_max_ns = max((",
        after="self._window_max_ns = min((",
        because="A user of a tier with a long window has the whole limit again after a pause.",
        killers=(_P11, _LOG),
    ),
)

_BUCKETS = (
    Mutant(
        name="burst and one more",
        file="policies/token_bucket.py",
        before="return (self.burst - 1) * self.interval_ns",
        after="return self.burst * self.interval_ns",
        because="The first of a burst needs no tolerance; with it, one too many passes at once.",
        killers=(_BUCKET,),
    ),
    Mutant(
        name="silence is saved up without end",
        file="policies/token_bucket.py",
        before="return max(tat_ns, now_ns) + interval_ns, 0",
        after="return tat_ns + interval_ns, 0",
        because="After a quiet night a client may send a night's worth at once.",
        killers=(_BUCKET,),
    ),
    Mutant(
        name="refusals drain the bucket",
        file="policies/token_bucket.py",
        before="return tat_ns, earliest_ns - now_ns",
        after="return tat_ns + interval_ns, earliest_ns - now_ns",
        because="Knocking on an empty bucket keeps it empty.",
        killers=(_BUCKET,),
    ),
    Mutant(
        name="rate rounded up",
        file="policies/token_bucket.py",
        before="-(-limit.window_ns // limit.requests)",
        after="limit.window_ns // limit.requests",
        because="A rate that does not divide the window is exceeded, by up to twice.",
        killers=(_BUCKET,),
    ),
)

_WINDOWS = (
    Mutant(
        name="fixed window admits one too many",
        file="policies/fixed_window.py",
        before="if count < requests:",
        after="if count <= requests:",
        because="Even within a window of the clock the limit does not hold.",
        killers=(_COUNTERS,),
    ),
    Mutant(
        name="a clock that is set back opens a new window",
        file="policies/fixed_window.py",
        before="if own_start_ns > start_ns:",
        after="if own_start_ns != start_ns:",
        because="Two replicas whose clocks differ reset each other's counter at every edge.",
        killers=(_COUNTERS,),
    ),
    Mutant(
        name="wait of a whole window",
        file="policies/fixed_window.py",
        before="return start_ns, count, start_ns + window_ns - now_ns",
        after="return start_ns, count, window_ns",
        because="Clients are told to wait for longer than they have to.",
        killers=(_COUNTERS,),
    ),
    Mutant(
        name="what is long past counts as the window before",
        file="policies/sliding_counter.py",
        before="previous, current = (current if passed == 1 else 0), 0",
        after="previous, current = current, 0",
        because="After a night of silence the first requests are refused for last night's.",
        killers=(_COUNTERS,),
    ),
    Mutant(
        name="weights rounded down",
        file="policies/sliding_counter.py",
        before="if previous * covered_ns + (current + 1) * window_ns <= requests * window_ns:",
        after="if previous * covered_ns // window_ns + current + 1 <= requests:",
        because="A fraction of a request is let in as a whole one, beyond the stated error.",
        killers=(_COUNTERS,),
    ),
    Mutant(
        name="a full window promises entry at its end",
        file="policies/sliding_counter.py",
        before="start_ns + 2 * window_ns - room // current - now_ns",
        after="start_ns + window_ns - now_ns",
        because="Whoever returns then is refused again: the full window weighs on the next one.",
        killers=(_COUNTERS,),
    ),
    Mutant(
        name="the window before weighs as much as ever",
        file="policies/sliding_counter.py",
        before="covered_ns = start_ns + window_ns - at_ns",
        after="covered_ns = window_ns",
        because="Nobody gets in until the next window after a full one: no sliding at all.",
        killers=(_COUNTERS,),
    ),
)

_JOINTS = (
    Mutant(
        name="limits are asked and noted one after the other",
        file="policies/joint_limit.py",
        before="""        if refused_by:
""",
        after="""        if refused_by:
            for subject, limit in counted[: [it.subject for it in counted].index(refused_by[0])]:
                self._note(subject, limit, now_ns)
""",
        because="Hammering on a full tier uses up the user's own limit as well.",
        killers=(_JOINT,),
    ),
    Mutant(
        name="the wait of the limit that opens first",
        file="policies/joint_limit.py",
        before="retry_after_ns=max(waits_ns.values())",
        after="retry_after_ns=min(ns for ns in waits_ns.values() if ns)",
        because="Whoever returns then is refused by the other limit.",
        killers=(_JOINT,),
    ),
    Mutant(
        name="what is left by the most generous limit",
        file="policies/joint_limit.py",
        before="remaining=min(remaining, default=UNLIMITED)",
        after="remaining=max(remaining, default=UNLIMITED)",
        because="Clients are told that they have requests left which the tightest limit refuses.",
        killers=(_JOINT,),
    ),
)

_STORE_FAILURES = (
    Mutant(
        name="each replica lets in the whole limit",
        file="policies/store_failure.py",
        before="RateLimit(requests=max(1, share), window_ns=limit.window_ns)",
        after="limit",
        because="Thirty replicas let in thirty limits while the store is away, declared or not.",
        killers=(_STORE,),
    ),
    Mutant(
        name="the bound knows nothing of forgetting",
        file="policies/store_failure.py",
        before="by_store = limit.requests * (1 + times_forgotten)",
        after="by_store = limit.requests",
        because="A restarted store lets the limit in once more, and the promise hides it.",
        killers=(_STORE,),
    ),
    Mutant(
        name="open counts after all",
        file="policies/store_failure.py",
        before="else {}",
        after="else limits",
        because="Users are refused although it was declared that nobody is.",
        killers=(_STORE,),
    ),
    Mutant(
        name="the declared share is not read",
        file="reference_services/gateway/settings.py",
        before="return CountLocally(share_percent=self.limit_local_percent)",
        after="return CountLocally()",
        because="An operator who chose a share gets the whole limit from each gateway.",
        killers=(
            f"{_LIVE}::test_without_the_store_no_more_get_in_than_declared_though_it_forgot_before",
        ),
    ),
)

_SUSPICIONS = (
    Mutant(
        name="a tightened limit's refusals are evidence",
        file="policies/suspicion.py",
        before="        elif record.level_at(now_ns, settings) == 0:\n",
        after="        else:\n",
        because="A range that is tightened once stays so for as long as anybody in it tries.",
        killers=(_SUSPICION,),
    ),
    Mutant(
        name="no slack between up and down",
        file="policies/suspicion.py",
        before="kept = min((points + slack_points) // level_points, levels)",
        after="kept = min(points // level_points, levels)",
        because="At the border a range's limit changes with every request.",
        killers=(_SUSPICION,),
    ),
    Mutant(
        name="the rest of a drain is lost at every look",
        file="policies/suspicion.py",
        before="return points - gone, settled_ns + gone * drain_ns",
        after="return points - gone, max(now_ns, settled_ns)",
        because="A range that is looked at often enough is never forgiven.",
        killers=(_SUSPICION,),
    ),
    Mutant(
        name="points without a top",
        file="policies/suspicion.py",
        before="self._points = min(self._points + points, settings.points_max)",
        after="self._points += points",
        because="After an hour's attack a range is shut for days, not for the stated time.",
        killers=(_SUSPICION,),
    ),
    Mutant(
        name="each IPv6 address is a range",
        file="policies/suspicion.py",
        before="return 6, int(parsed) >> (128 - self._settings.ipv6_prefix)",
        after="return 6, int(parsed) >> (64 - self._settings.ipv6_prefix)",
        because="One host has 2**64 addresses and takes another one for each guess.",
        killers=(_SUSPICION,),
    ),
    Mutant(
        name="mapped addresses are IPv6",
        file="policies/suspicion.py",
        before="if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:",
        after="if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None is not None:",
        because="Behind a socket for both versions all of IPv4 is a single range.",
        killers=(_SUSPICION,),
    ),
    Mutant(
        name="ordinary traffic displaces suspicious ranges",
        file="policies/suspicion.py",
        before="self._calm if record.points_at(now_ns, settings) == 0 else self._suspected",
        after="self._suspected",
        because="On a busy day an attacker is forgotten between two guesses.",
        killers=(_SUSPICION,),
    ),
    Mutant(
        name="who cannot be told apart counts with each request",
        file="policies/suspicion.py",
        before="if user in self._users or len(self._users) == settings.users_remembered_max:",
        after="if user in self._users:",
        because="Memory of users grows without a bound, and a busy house is shut for its size.",
        killers=(f"{_SUSPICION}::test_within_a_window_users_count_up_to_the_top_and_no_further",),
    ),
    Mutant(
        name="an office is a crowd",
        file="policies/suspicion.py",
        before="if len(self._users) > settings.users_free:",
        after="if len(self._users) >= settings.users_free:",
        because="As many users as are declared harmless count as evidence.",
        killers=(_SUSPICION,),
    ),
)

_SHARED = (
    Mutant(
        name="the window's edge still counts in the store",
        file="reference_services/gateway/limiter.lua",
        before="now_us < room_at_us then",
        after="now_us <= room_at_us then",
        because="Who returns exactly when told is refused once more.",
        killers=(_THREE_WAYS, _LUA),
    ),
    Mutant(
        name="the store admits one too many",
        file="reference_services/gateway/limiter.lua",
        before="redis.call('LINDEX', key, -requests)",
        after="redis.call('LINDEX', key, -requests - 1)",
        because="A limit of a hundred lets in a hundred and one.",
        killers=(_THREE_WAYS, _LUA),
    ),
    Mutant(
        name="the store's times are cut to fourteen digits",
        file="reference_services/gateway/limiter.lua",
        before="string.format('%.0f', number)",
        after="string.format('%.14g', number)",
        because="Times are rounded to a tenth of a millisecond, and windows with them.",
        killers=(_THREE_WAYS, _LUA),
    ),
    Mutant(
        name="the gateway's clock decides",
        file="reference_services/gateway/limiter.py",
        before="""        answer = await self._store.run(
            self._script,
""",
        after="""        from reference_services.runtime.clock import unix_ns
        answer = await self._store.run(
            Script(LUA_BODY + f\"\"\"
                return admit(KEYS[1], {unix_ns() // NS_PER_US}, tonumber(ARGV[1]),
                    tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]))\"\"\"),
""",
        because="A gateway whose clock is ahead finds every window over, and lets in as many more.",
        killers=(_SKEWED,),
    ),
    Mutant(
        name="users of a tier share a limit",
        file="reference_services/gateway/limiter.py",
        before="await self._counted(identity.user, limit)",
        after="await self._counted(identity.tier, limit)",
        because="One user's requests are another one's refusals.",
        killers=(
            f"{_LIVE}::test_whoever_waits_as_told_gets_in_and_meanwhile_others_do_not_notice",
        ),
    ),
)

MUTANTS: Final = (
    *_LOGS,
    *_BUCKETS,
    *_WINDOWS,
    *_JOINTS,
    *_STORE_FAILURES,
    *_SUSPICIONS,
    *_SHARED,
)
