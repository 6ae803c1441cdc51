"""Limits that tighten for address ranges that behave suspiciously, and relax again.

Evidence earns its range points: failed authentication, more distinct users than a range of
neighbours has, requests refused by the ordinary limit. Points drain away one by one with
time, so that only what comes faster than it drains adds up. Points decide the level:

    level 0 <-> level 1 <-> level 2 ...      up   at ``level_points * level``
                                             down at ``slack_points`` less than that

and each level halves the limit, down to one request. The gap between up and down is what
keeps a range at the border from changing its limit with every request.

Refusals count at level 0 alone. A tightened limit refuses more of the same traffic; were
those refusals evidence, a range could never relax while anybody in it is trying.

What is promised: whoever is not in the range is judged as ever; a range without further
evidence is back to its ordinary limit after ``relaxed_after_ns``; memory is bounded by
``ranges_max`` of either kind, with points and without, so that ordinary traffic, from however
many ranges, makes no suspicious one forgotten. That takes as many suspicious ones. Users are
evidence once in each ``users_window_ns``, however often they come, and so many of them as bring
a range from nothing to the top: those beyond ``users_remembered_max`` cannot be told apart, and
count for nothing.

Leaky counters: J. Turner, "New directions in communications", IEEE Communications
Magazine 24 (1986). Prefixes: a /64 is one IPv6 site's subnet (RFC 4291), so that a single
host has all of its addresses.
"""

from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeAlias

from policies.rate_limit import RateLimit

IPV4_PREFIX_MAX: Final = 24
IPV6_PREFIX_MAX: Final = 64
LEVELS_MAX: Final = 32

Range: TypeAlias = tuple[int, int]
"""IP version, and the bits of the prefix as a number."""


class Evidence(Enum):
    """What speaks against a range."""

    FAILED_AUTHENTICATION = auto()
    """Credentials that nobody has."""

    REFUSED = auto()
    """A request beyond its ordinary limit; counts while the range is not tightened."""


@dataclass(frozen=True, slots=True)
class SuspicionSettings:
    """What counts how much, and for how long.

    Raises:
        ValueError: a number is out of its range; says which.
    """

    drain_ns: int = 5_000_000_000
    """One point is forgotten in this time; at least 1."""

    level_points: int = 20
    """Points from level to level; at least 1."""

    slack_points: int = 10
    """How many points below its beginning a level ends; from 0 to ``level_points`` - 1."""

    levels: int = 3
    """How often a limit may be halved; from 1 to 32."""

    failed_authentication_points: int = 2
    refused_points: int = 1
    many_users_points: int = 1
    """For each distinct user or key beyond ``users_free``, as far as they are told apart.

    All three: at least 0.
    """

    users_free: int = 50
    """Distinct users that a range may have within ``users_window_ns``; at least 1."""

    users_window_ns: int = 60_000_000_000
    """For how long users are told apart before counting begins anew; at least 1."""

    ipv4_prefix: int = IPV4_PREFIX_MAX
    """Bits that addresses of one range share; from 1 to 24."""

    ipv6_prefix: int = IPV6_PREFIX_MAX
    """From 1 to 64."""

    ranges_max: int = 10_000
    """Ranges remembered at once with points, and as many without; at least 1."""

    def __post_init__(self) -> None:
        bounds = {
            "drain_ns": (1, 2**61),
            "level_points": (1, 10**6),
            "slack_points": (0, self.level_points - 1),
            "levels": (1, LEVELS_MAX),
            "failed_authentication_points": (0, 10**6),
            "refused_points": (0, 10**6),
            "many_users_points": (0, 10**6),
            "users_free": (1, 10**6),
            "users_window_ns": (1, 2**61),
            "ipv4_prefix": (1, IPV4_PREFIX_MAX),
            "ipv6_prefix": (1, IPV6_PREFIX_MAX),
            "ranges_max": (1, 10**7),
        }
        for name, (least, most) in bounds.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be {least} to {most}, got {getattr(self, name)}")

    @property
    def points_max(self) -> int:
        """What points are cut off at: the highest level, no deeper."""
        return self.levels * self.level_points

    @property
    def relaxed_after_ns(self) -> int:
        """How long after its last evidence a range has the ordinary limit, at the latest."""
        return self.points_max * self.drain_ns

    @property
    def users_remembered_max(self) -> int:
        """Users told apart in one range within ``users_window_ns``."""
        return self.users_free + self.points_max


def drained(points: int, settled_ns: int, now_ns: int, drain_ns: int) -> tuple[int, int]:
    """Return the points that are left, and the moment up to which they are settled.

    Args:
        points: what there was at ``settled_ns``.
        settled_ns: up to when drained points are accounted for.
        now_ns: the present; before ``settled_ns``, nothing drains.
        drain_ns: one point drains in this time.
    """
    gone = max(0, now_ns - settled_ns) // drain_ns
    if gone >= points:
        return 0, max(now_ns, settled_ns)
    return points - gone, settled_ns + gone * drain_ns


def next_level(level: int, points: int, level_points: int, slack_points: int, levels: int) -> int:
    """Return the level that follows from the present one and the points.

    Args:
        level: the present one, from 0.
        points: what the range has.
        level_points: points from level to level.
        slack_points: how many points below its beginning a level ends.
        levels: the highest level.
    """
    reached = min(points // level_points, levels)
    kept = min((points + slack_points) // level_points, levels)
    # What is held stays held down to the slack; what is reached is reached at once.
    return max(reached, min(level, kept))


def tightened(limit: RateLimit, level: int) -> RateLimit:
    """Return the limit at a level: halved so often, but at least one request."""
    if level == 0:
        return limit
    return RateLimit(requests=max(1, limit.requests >> level), window_ns=limit.window_ns)


class Suspicion:
    """What is held against each address range.

    Times may stand still from call to call; one that runs backwards drains nothing.
    Addresses are those of clients: behind a proxy, what the proxy says and nobody else.
    """

    __slots__ = ("_calm", "_settings", "_suspected")

    def __init__(self, settings: SuspicionSettings) -> None:
        self._settings = settings
        # Each in the order of the newest note, so that the ones to forget are in front.
        self._suspected: dict[Range, _Record] = {}
        self._calm: dict[Range, _Record] = {}

    @property
    def ranges_remembered(self) -> int:
        """How many ranges something is remembered of."""
        return len(self._suspected) + len(self._calm)

    def range_of(self, address: str) -> str:
        """Return the range of an address as it is written, like ``198.51.100.0/24``.

        Raises:
            ValueError: it is no IP address.
        """
        version, bits = self._range(address)
        prefix, size, kind = (
            (self._settings.ipv4_prefix, 32, IPv4Address)
            if version == 4  # noqa: PLR2004  # IP version
            else (self._settings.ipv6_prefix, 128, IPv6Address)
        )
        return str(ip_network((kind(bits << (size - prefix)), prefix)))

    def level(self, address: str, now_ns: int) -> int:
        """Return how often the limits of this address are halved now.

        Raises:
            ValueError: it is no IP address.
        """
        record = self._suspected.get(self._range(address))
        return 0 if record is None else record.level_at(now_ns, self._settings)

    def limit(self, address: str, limit: RateLimit, now_ns: int) -> RateLimit:
        """Return the limit to judge a request from this address by.

        Raises:
            ValueError: it is no IP address.
        """
        return tightened(limit, self.level(address, now_ns))

    def note(self, address: str, evidence: Evidence, now_ns: int) -> None:
        """Take note of something that speaks against the address' range.

        Raises:
            ValueError: it is no IP address.
        """
        settings = self._settings
        key, record = self._taken_out(address, now_ns)
        if evidence is Evidence.FAILED_AUTHENTICATION:
            record.add(settings.failed_authentication_points, now_ns, settings)
        elif record.level_at(now_ns, settings) == 0:
            record.add(settings.refused_points, now_ns, settings)
        self._put_back(key, record, now_ns)

    def seen(self, address: str, user: str, now_ns: int) -> None:
        """Take note of who asks from the address; many who differ speak against its range.

        Args:
            address: where the request comes from.
            user: the user, or the key's digest.
            now_ns: when.

        Raises:
            ValueError: it is no IP address.
        """
        key, record = self._taken_out(address, now_ns)
        record.see(user, now_ns, self._settings)
        self._put_back(key, record, now_ns)

    def _range(self, address: str) -> Range:
        parsed = ip_address(address)
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
            # The same client, as a socket for both versions writes it.
            parsed = parsed.ipv4_mapped
        if isinstance(parsed, IPv4Address):
            return 4, int(parsed) >> (32 - self._settings.ipv4_prefix)
        return 6, int(parsed) >> (128 - self._settings.ipv6_prefix)

    def _taken_out(self, address: str, now_ns: int) -> tuple[Range, "_Record"]:
        key = self._range(address)
        record = self._suspected.pop(key, None) or self._calm.pop(key, None)
        return key, record or _Record(now_ns)

    def _put_back(self, key: Range, record: "_Record", now_ns: int) -> None:
        settings = self._settings
        kind = self._calm if record.points_at(now_ns, settings) == 0 else self._suspected
        kind[key] = record
        while kind:
            first, oldest = next(iter(kind.items()))
            if len(kind) <= settings.ranges_max and not oldest.is_over(now_ns, settings):
                return
            del kind[first]


class _Record:
    """What is held against one range."""

    __slots__ = ("_level", "_points", "_settled_ns", "_users", "_users_since_ns")

    def __init__(self, now_ns: int) -> None:
        self._level = 0
        self._points = 0
        self._settled_ns = now_ns
        self._users: set[str] = set()
        self._users_since_ns = now_ns

    def points_at(self, now_ns: int, settings: SuspicionSettings) -> int:
        self._points, self._settled_ns = drained(
            self._points, self._settled_ns, now_ns, settings.drain_ns
        )
        return self._points

    def level_at(self, now_ns: int, settings: SuspicionSettings) -> int:
        self._level = next_level(
            self._level,
            self.points_at(now_ns, settings),
            settings.level_points,
            settings.slack_points,
            settings.levels,
        )
        return self._level

    def add(self, points: int, now_ns: int, settings: SuspicionSettings) -> None:
        # What has drained comes off first, or the cut at the top would cut too little.
        self.level_at(now_ns, settings)
        self._points = min(self._points + points, settings.points_max)
        self.level_at(now_ns, settings)

    def see(self, user: str, now_ns: int, settings: SuspicionSettings) -> None:
        if now_ns >= self._users_since_ns + settings.users_window_ns:
            self._users.clear()
            self._users_since_ns = now_ns
        # Whoever could not be remembered would count again with each request.
        if user in self._users or len(self._users) == settings.users_remembered_max:
            return
        self._users.add(user)
        if len(self._users) > settings.users_free:
            self.add(settings.many_users_points, now_ns, settings)

    def is_over(self, now_ns: int, settings: SuspicionSettings) -> bool:
        """Whether nothing is left that could matter."""
        users_over = now_ns >= self._users_since_ns + settings.users_window_ns
        return users_over and self.points_at(now_ns, settings) == 0
