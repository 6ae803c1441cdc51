"""Measures what a station does in the measured part of a run."""

from scenarios.histogram import Histogram, HistogramBuilder


class Meter:
    """Collects waits and service times of one station.

    Stations append to ``waits_ns`` and ``services_ns`` as service starts, whatever the
    time; what was appended outside the measured part is thrown away in bulk. An ``append``
    is all that measuring costs a request.
    """

    __slots__ = ("_measuring", "_services", "_waits", "services_ns", "waits_ns")

    def __init__(self) -> None:
        self.waits_ns: list[int] = []
        self.services_ns: list[int] = []
        self._waits = HistogramBuilder()
        self._services = HistogramBuilder()
        self._measuring = False

    def start(self) -> None:
        """Begin to measure."""
        self.settle()
        self._measuring = True

    def stop(self) -> None:
        """Measure no more."""
        self.settle()
        self._measuring = False

    def settle(self) -> None:
        """Count what was appended since the last time; called now and then, to save memory."""
        if self._measuring:
            self._waits.add_all(self.waits_ns)
            self._services.add_all(self.services_ns)
        self.waits_ns.clear()
        self.services_ns.clear()

    def waits(self) -> Histogram:
        """Return the waits that were measured."""
        return self._waits.build()

    def services(self) -> Histogram:
        """Return the service times that were measured."""
        return self._services.build()
