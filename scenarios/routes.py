"""The way of a request through the platform: a small program per request class."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from scenarios.distributions import Distribution
from scenarios.model import Model, Name, single_key


class Call(Model):
    """Ask a service and wait for its answer; its own work comes before ``steps``."""

    call: Name
    steps: tuple["Step", ...] = ()
    """What the called service does before it answers."""


class Cached(Model):
    """Look a key up; do ``miss`` when it is not there, and keep the outcome."""

    cache: Name
    miss: tuple["Step", ...] = ()


class Read(Model):
    """Read from a database: from a replica where there is one."""

    read: Name


class Write(Model):
    """Write to a database's primary, and let the caches know."""

    write: Name
    invalidates: Name | None = None
    """The cache whose entry for this request's key is stale from the commit on."""


class Enqueue(Model):
    """Submit a job and go on as soon as it is acknowledged."""

    enqueue: Name


Step = Annotated[
    Annotated[Call, Tag("call")]
    | Annotated[Cached, Tag("cache")]
    | Annotated[Read, Tag("read")]
    | Annotated[Write, Tag("write")]
    | Annotated[Enqueue, Tag("enqueue")],
    Discriminator(
        single_key("call", "cache", "read", "write", "enqueue"),
        custom_error_type="unknown_alternative",
        custom_error_message="should be a step: one of call, cache, read, write, enqueue",
    ),
]


class Request(Model):
    """What a live client sends; ``{key}`` stands for the request's key, counted from 1."""

    method: Literal["GET", "POST", "PUT"] = "GET"
    path: Annotated[str, Field(pattern=r"^/")]
    body: dict[str, object] | None = None
    """Sent as JSON; ``{key}`` is filled in inside its strings."""


class StationTimes(Model):
    """What one class of requests takes at one station, where that differs from the others'."""

    service_time_ns: Distribution | None = None
    """For a service its work; for a cache one look-up, for a database one read or write, for a
    queue one submission. None: the station's own."""

    wait_time_ns: Distribution | None = None
    """For a service: its waiting that occupies nothing. None: the station's own."""


class RequestClass(Model):
    """A kind of request: what is sent, and the way it takes."""

    request: Request | None = None
    """None: simulated only."""

    keys: Name | None = None
    """The cache whose keys and popularity this class draws from. None: the first on its way."""

    priority: int = 0
    """Its place in lines whose ``discipline`` is ``priority``, the lowest first; among equals who
    has waited longest."""

    through: tuple[Name, ...] = ()
    """Services that call one another in this order, the last of which does ``steps``."""

    steps: tuple[Step, ...] = ()

    times: dict[Name, StationTimes] = Field(default_factory=dict)
    """By station on its way: what this class takes there. Calibration fills this in."""
