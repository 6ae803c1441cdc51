"""Looks at the platform once a second, and writes down what it sees."""

from collections.abc import Callable, Generator, Mapping
from typing import Protocol

from simpy.events import Event

from scenarios.recorder import Recorder
from scenarios.records import StationOutcome
from scenarios.units import SECOND_NS
from sim.models.meter import Meter
from sim.models.platform import Platform
from sim.models.timeline import Pause, Timeline


class Occupied(Protocol):
    """A station with places."""

    def busy_ns(self) -> int:
        """Return how long places were taken up to now, added up over them."""

    def available_ns(self) -> int:
        """Return how long places were there up to now, added up over them."""


class Metered(Protocol):
    """A station that measures its waits and service times."""

    @property
    def meter(self) -> Meter:
        """What they are collected in."""


class Utilisation:
    """The share of a station's places that was taken since it was last asked for."""

    def __init__(self, station: Occupied) -> None:
        self._station = station
        self._busy_ns = 0
        self._available_ns = 0

    def since(self) -> float:
        """Return it, from 0 to 1 unless a replica that drains is still at work."""
        busy_ns, available_ns = self._station.busy_ns(), self._station.available_ns()
        used_ns, had_ns = busy_ns - self._busy_ns, available_ns - self._available_ns
        self._busy_ns, self._available_ns = busy_ns, available_ns
        return used_ns / had_ns if had_ns else 0.0


class Observer:
    """Takes samples for the series, and measures the stations in the measured part."""

    def __init__(self, platform: Platform, timeline: Timeline, recorder: Recorder) -> None:
        self._platform = platform
        self._timeline = timeline
        self._recorder = recorder
        self._per_second = _utilisations(platform.services)
        self._measured = {
            **_utilisations(platform.databases),
            **_utilisations(platform.services),
        }
        self._stale_reads = dict.fromkeys(platform.databases, 0)
        self._utilisation: dict[str, float] = {}

    def run(self, on_second: Callable[[int], None] | None) -> Generator[Event, None, None]:
        """Take a sample at the end of each second.

        Args:
            on_second: told the simulated time after each.
        """
        while True:
            yield Pause(self._timeline, SECOND_NS)
            self.sample()
            for meter in self._meters().values():
                meter.settle()
            self._recorder.settle(self._timeline.now_ns)
            if on_second is not None:
                on_second(self._timeline.now_ns)

    def start_measuring(self) -> None:
        """Begin the measured part."""
        for utilisation in self._measured.values():
            utilisation.since()
        for meter in self._meters().values():
            meter.start()

    def stop_measuring(self) -> None:
        """End the measured part."""
        self._utilisation = {name: each.since() for name, each in self._measured.items()}
        for meter in self._meters().values():
            meter.stop()

    def outcomes(self) -> dict[str, StationOutcome]:
        """Return what each station did in the measured part."""
        return {
            name: StationOutcome(
                wait_ns=meter.waits(),
                service_ns=meter.services(),
                utilisation=self._utilisation.get(name),
            )
            for name, meter in self._meters().items()
        }

    def _meters(self) -> dict[str, Meter]:
        platform = self._platform
        stations: dict[str, Metered] = {
            **platform.caches,
            **platform.databases,
            **platform.queues,
            **platform.services,
        }
        return {name: station.meter for name, station in stations.items()}

    def sample(self) -> None:
        """Take a sample of the second that ends now, or of the part of it that has passed."""
        at_ns = self._timeline.now_ns - 1
        platform = self._platform
        for name, service in platform.services.items():
            self._recorder.sample(f"replicas.{name}", "replicas", at_ns, len(service.ready))
            utilisation = self._per_second[name].since()
            self._recorder.sample(f"utilisation.{name}", "share", at_ns, utilisation)
        for name, queue in platform.queues.items():
            self._recorder.sample(f"queue_depth.{name}", "jobs", at_ns, queue.depth)
        for name, database in platform.databases.items():
            if database.standbys:
                stale = database.stale_reads - self._stale_reads[name]
                self._stale_reads[name] = database.stale_reads
                self._recorder.sample(f"stale_reads.{name}", "1/s", at_ns, stale)


def _utilisations(stations: Mapping[str, Occupied]) -> dict[str, Utilisation]:
    return {name: Utilisation(station) for name, station in stations.items()}
