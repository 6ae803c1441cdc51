"""What a request does on its way, and on whose behalf."""

from typing import Protocol

from sim.distributions import DrawNs
from sim.models.timeline import Waiting
from sim.models.visit import Reply, Visit


class Caller:
    """Who asks services: one replica of a service, or the client.

    Each caller judges those it asks by its own experience, as processes do that share no
    memory: breakers, retry budgets, turns and open calls are a caller's own.

    Attributes:
        name: of the station that its waiting is put down to.
        instance: which of several, as ``gateway/0``.
        late: its own answer when it has waited for one in vain.
        outlooks: by service, what it knows of that service.
    """

    __slots__ = ("instance", "late", "name", "outlooks")

    def __init__(self, name: str, instance: str, late: Reply) -> None:
        self.name = name
        self.instance = instance
        self.late = late
        self.outlooks: dict[str, Outlook] = {}


class Stop(Protocol):
    """One step of a class's route, with all that is known of it before the run."""

    def take(self, visit: Visit, caller: Caller) -> Waiting[Reply]:
        """Take ``visit`` through the step; unless the reply is ``OK``, its way ends there."""


class Work:
    """What a service does for one stop.

    Attributes:
        service_ns: draws the work that occupies a place; None: there is none.
        wait_ns: draws the waiting that occupies nothing; None: there is none.
        site: which of its class's stops at this station this is; tells its draws apart.
        stops: what the replica does before it answers.
        priority: of its class, for lines that heed it.
        repeatable: whether doing it twice means the same as doing it once.
    """

    __slots__ = ("priority", "repeatable", "service_ns", "site", "stops", "wait_ns")

    def __init__(
        self,
        service_ns: DrawNs | None,
        wait_ns: DrawNs | None,
        site: int,
        stops: tuple[Stop, ...],
        *,
        priority: int,
        repeatable: bool,
    ) -> None:
        self.service_ns = service_ns
        self.wait_ns = wait_ns
        self.site = site
        self.stops = stops
        self.priority = priority
        self.repeatable = repeatable


class Outlook(Protocol):
    """What a caller knows of a service, and how it asks it."""

    def ask(self, work: Work, visit: Visit) -> Waiting[Reply]:
        """Have ``work`` done for ``visit``."""
