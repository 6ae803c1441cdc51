"""Bugs planted into theory, into what is foretold by it, and into models that it judges."""

from typing import Final

from properties.mutants.mutant import Mutant

_FORMULAS: Final = "properties/sim/test_theory_formulas.py"
_PUBLISHED: Final = "tests/sim/theory/test_published.py"
_SYSTEMS: Final = "properties/sim/test_theory_systems.py"
_LAWS: Final = "properties/sim/test_operational_laws.py"
_FORETOLD: Final = "properties/sim/test_stability.py"
_FORETOLD_BY_HAND: Final = "tests/sim/test_stability.py"

_ERLANG: Final = "sim/theory/erlang.py"
_ONE_PLACE: Final = "sim/theory/one_place.py"
_MANY_PLACES: Final = "sim/theory/many_places.py"
_DISTRIBUTIONS: Final = "sim/distributions.py"
_STABILITY: Final = "sim/stability.py"
_DEMANDS: Final = "sim/demands.py"
_TRAFFIC: Final = "sim/traffic.py"

_OF_THEORY: Final = (
    Mutant(
        "Erlang forgets a place",
        _ERLANG,
        "for taken in range(1, places + 1):",
        "for taken in range(1, places):",
        "Whoever sizes a pool by it buys a connection too many.",
        (f"{_FORMULAS}::test_erlang_s_first_formula_is_the_full_state_of_its_chain",),
    ),
    Mutant(
        "who waits is who would be lost",
        _ERLANG,
        "return lost / (1 - utilisation * (1 - lost))",
        "return lost",
        "Waits come out several times too short, since whoever is lost makes room for others.",
        (f"{_FORMULAS}::test_erlang_s_second_formula_is_that_of_its_chain",),
    ),
    Mutant(
        "spread counts once instead of squared",
        _ONE_PLACE,
        "(1 + cv**2) / 2",
        "(1 + cv) / 2",
        "A service with rare long requests looks harmless.",
        (f"{_PUBLISHED}::test_constant_service_waits_half_as_long_as_exponential",),
    ),
    Mutant(
        "the variance divides by the wrong moment's number",
        _ONE_PLACE,
        "third_s3 / (3 * idle)",
        "third_s3 / (2 * idle)",
        "The test by which last come, first served is found out has the wrong yardstick.",
        (f"{_PUBLISHED}::test_the_spread_of_the_wait_is_that_of_the_exponential_line",),
    ),
    Mutant(
        "a room too many",
        _MANY_PLACES,
        "for number in range(1, places + line_max + 1):",
        "for number in range(1, places + line_max + 2):",
        "A line of three is judged as one of four, and less is lost than will be.",
        (f"{_FORMULAS}::test_a_bounded_line_is_that_of_its_chain",),
    ),
    Mutant(
        "who was refused waits, too",
        _MANY_PLACES,
        "waiting / (rate_per_s * admitted)",
        "waiting / rate_per_s",
        "The worse the overload, the shorter the waits of those who got in seem to be.",
        (f"{_FORMULAS}::test_a_bounded_line_is_that_of_its_chain",),
    ),
    Mutant(
        "turns wait as chance does",
        _MANY_PLACES,
        "thins = _thinning(places * served, phases)",
        "thins = _thinning(places * served, 1)",
        "Nobody sees what round robin is worth.",
        (f"{_FORMULAS}::test_gaps_of_phases_wait_as_the_chain_of_phases_says",),
    ),
    Mutant(
        "the faster of two times decides the tail",
        _MANY_PLACES,
        "in_line_s = math.exp(-slow_per_s * sojourn_s) * spread_s",
        "in_line_s = math.exp(-fast_per_s * sojourn_s) * spread_s",
        "The p99 of a busy station is that of an idle one.",
        (f"{_FORMULAS}::test_means_are_the_areas_under_the_distributions",),
    ),
    Mutant(
        "who arrives meets himself",
        "sim/theory/closed_networks.py",
        "stays_s = [it * (1 + met) for it, met in zip(demands_s, numbers, strict=True)]",
        "share = present / max(present - 1, 1)\n"
        "        stays_s = [it * (1 + met * share) for it, met in"
        " zip(demands_s, numbers, strict=True)]",
        "A few users seem to wait for each other although they hardly meet.",
        (f"{_FORMULAS}::test_mean_values_and_convolution_agree",),
    ),
    Mutant(
        "requests go the wrong way",
        "sim/theory/open_networks.py",
        "rows = [[(i == j) - routing[i][j] for i in range(size)] for j in range(size)]",
        "rows = [[(i == j) - routing[j][i] for i in range(size)] for j in range(size)]",
        "The database is sized for what comes out of it.",
        (f"{_FORMULAS}::test_traffic_is_what_comes_from_outside_and_from_everywhere",),
    ),
    Mutant(
        "nobody talks to the first worker",
        "sim/theory/scalability.py",
        "self.contention * others + self.coherency * workers * others",
        "self.contention * others + self.coherency * others * others",
        "The best number of workers is off, and so is every fit.",
        (f"{_PUBLISHED}::test_the_law_of_scalability_fits_as_published",),
    ),
    Mutant(
        "an entry's life begins anew with each hit",
        "sim/theory/caches.py",
        "return 1 / (1 + asked_per_s * life_s)",
        "return math.exp(-asked_per_s * life_s)",
        "A cache seems to hold back what falls through every time a popular key expires.",
        (f"{_SYSTEMS}::test_the_readable_engine_gives_the_textbook_s_answer",),
    ),
)

_OF_MODELS: Final = (
    Mutant(
        "last come, first served",
        "sim/models/places.py",
        "            self._line.next().succeed()\n",
        "            self._line.pop().succeed()\n",
        "Means stay as they are; the unlucky wait for ever, and the p99 says nothing of it.",
        (f"{_SYSTEMS}::test_the_readable_engine_gives_the_textbook_s_answer",),
    ),
    Mutant(
        "the youngest job first",
        "sim/models/queue.py",
        "job = self._jobs.next()",
        "job = self._jobs.pop()",
        "Old videos are never made while new ones come.",
        (f"{_SYSTEMS}::test_the_readable_engine_gives_the_textbook_s_answer",),
    ),
    Mutant(
        "service is drawn twice",
        "sim/models/service.py",
        "                yield Pause(timeline, service_ns)\n",
        "                yield Pause(timeline, work.service_ns(visit.key, visit.path + 7))\n",
        "What the report says of service times is not what was served.",
        (f"{_LAWS}::test_busy_places_over_time_are_the_service_that_was_given",),
    ),
    Mutant(
        "one more may wait",
        "sim/models/places.py",
        "len(self._line) >= line_max",
        "len(self._line) > line_max",
        "A bound of three lets four wait, and less is refused than in life.",
        (f"{_SYSTEMS}::test_the_readable_engine_gives_the_textbook_s_answer",),
    ),
    Mutant(
        "the mean taken for the median",
        _DISTRIBUTIONS,
        "mu = math.log(parameters.mean_ns) - variance / 2",
        "mu = math.log(parameters.mean_ns)",
        "Calibrated services are slower than what was measured, by as much as they spread.",
        (f"{_SYSTEMS}::test_the_readable_engine_gives_the_textbook_s_answer",),
    ),
    Mutant(
        "the wait for a connection is measured before it is over",
        "sim/models/database.py",
        "        if turn is not None:\n"
        "            yield turn\n"
        "        self.meter.waits_ns.append(timeline.now_ns - entered_ns)\n",
        "        self.meter.waits_ns.append(timeline.now_ns - entered_ns)\n"
        "        if turn is not None:\n"
        "            yield turn\n",
        "The report says that nobody waits for the pool, whatever its size.",
        (f"{_LAWS}::test_what_requests_spend_at_a_station_is_what_the_station_measured",),
    ),
)

_OF_ORDERS: Final = (
    Mutant(
        "priorities are cumulated too late",
        _ONE_PLACE,
        "        before = upto\n",
        "        before += 0.0\n",
        "The last in rank are promised to wait no longer than if the ranks between were not there.",
        (f"{_FORMULAS}::test_orders_that_do_not_look_at_service_times_keep_the_work_in_line",),
    ),
    Mutant(
        "last come, first served spreads nothing",
        _ONE_PLACE,
        "return (in_order_s2 + mean_s**2) / idle - mean_s**2",
        "return in_order_s2",
        "The order of service seems not to matter to the slowest.",
        (f"{_FORMULAS}::test_last_come_first_served_spreads_the_wait_by_the_idle_share",),
    ),
)

_OF_WHAT_IS_FORETOLD: Final = (
    Mutant(
        "every autoscaler reaches its maximum",
        _STABILITY,
        "return scaler.max_replicas if grows else service.replicas",
        "return scaler.max_replicas",
        "A target that is never exceeded is said to scale, and the run collapses.",
        (f"{_FORETOLD}::test_an_autoscaler_under_crushing_load_reaches_what_was_said",),
    ),
    Mutant(
        "a time-out counts as shedding",
        _DEMANDS,
        "if service.breaker is not None and service.timeout_ns is not None:",
        "if service.timeout_ns is not None:",
        "A station whose line grows without end is not spoken of.",
        (f"{_FORETOLD_BY_HAND}::test_a_time_out_by_itself_does_not_shed",),
    ),
    Mutant(
        "a spike is judged by its average",
        _TRAFFIC,
        "peak_per_s = max(max(each.start_per_s, each.end_per_s) for each in stretches)",
        "peak_per_s = mean_rate_per_s(stretches)",
        "The worst minute, for which all this is done, is not looked at.",
        (f"{_FORETOLD_BY_HAND}::test_a_spike_is_judged_at_its_top_and_by_whether_it_passes",),
    ),
    Mutant(
        "a trace's speed is forgotten",
        _TRAFFIC,
        "at_ns = int(entry.at_ns / source.speed)",
        "at_ns = entry.at_ns",
        "A replay at ten times the speed is said to be as calm as the recording.",
        (f"{_FORETOLD_BY_HAND}::test_a_trace_played_twice_as_fast_is_twice_as_busy",),
    ),
    Mutant(
        "reads burden the primary",
        _DEMANDS,
        'node = "replicas" if spec.replicas else "primary"',
        'node = "primary"',
        "Replicas seem to be of no use.",
        (f"{_FORETOLD}::test_every_station_on_a_way_is_judged_once",),
    ),
    Mutant(
        "as many as are busy are enough",
        _STABILITY,
        'return f"{int(busy / self.each) + 1} {self.thing}"',
        'return f"{int(busy / self.each)} {self.thing}"',
        "Whoever follows the advice is told the same again.",
        (f"{_FORETOLD}::test_the_remedy_is_the_least_that_helps",),
    ),
    Mutant(
        "limits are not counted",
        _STABILITY,
        "shares[name, tier] = min(allowed_per_s / asked_per_s, 1.0) if asked_per_s else 1.0",
        "shares[name, tier] = 1.0",
        "A platform that is guarded by its limits is called unstable.",
        (f"{_FORETOLD_BY_HAND}::test_limits_shed_what_they_refuse_in_the_long_run",),
    ),
)

MUTANTS: Final = (*_OF_THEORY, *_OF_ORDERS, *_OF_MODELS, *_OF_WHAT_IS_FORETOLD)
