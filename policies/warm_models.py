"""Which models stay loaded on a device, and how often they change.

A request for a model that is loaded is served at once. One for another model has it loaded, and
the models that were not asked for for the longest time go, as many as it takes. Loading costs
seconds of a device that does nothing else meanwhile; if requests alternate, a device could do
nothing but load. So there are at most ``swaps_max`` loads in any window, and a model that somebody
is using does not go. Who cannot be served is told when a load is allowed again.

Source: P. Denning, "Thrashing: its causes and prevention", AFIPS (1968), for why there is a bound;
R. Mattson et al., "Evaluation techniques for storage hierarchies", IBM Systems Journal 9 (1970),
for the least recently used.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

_SWAPS_MAX: Final = 2**63 - 1
"""As long as the log of loads can get."""


@dataclass(frozen=True, slots=True)
class SwapLimit:
    """So many loads in any stretch of time of the window's length.

    Raises:
        ValueError: a number is below 1, or more loads are allowed than can be remembered.
    """

    swaps_max: int
    """1 to 2**63 - 1."""

    window_ns: int

    def __post_init__(self) -> None:
        if self.swaps_max < 1:
            raise ValueError(f"swaps_max must be at least 1, got {self.swaps_max}")
        if self.swaps_max > _SWAPS_MAX:
            raise ValueError(f"swaps_max must be at most {_SWAPS_MAX}, got {self.swaps_max}")
        if self.window_ns < 1:
            raise ValueError(f"window_ns must be at least 1, got {self.window_ns}")


class Warm(NamedTuple):
    """The model is loaded."""


class Swap(NamedTuple):
    """Load the model, after these have gone."""

    evicted: tuple[str, ...]


class TooManySwaps(NamedTuple):
    """There were enough loads for now."""

    retry_after_ns: int


class AllInUse(NamedTuple):
    """There is no room, and what is loaded and could make some is in use."""


Warmth: TypeAlias = Warm | Swap | TooManySwaps | AllInUse


class WarmModels:
    """The models that are loaded on one device.

    Args:
        memory_bytes: what there is for models.
        models_bytes: what each model takes.
        limit: how often one may be loaded.

    Raises:
        ValueError: a model takes less than 1 byte, or more than there is.
    """

    __slots__ = ("_free_bytes", "_limit", "_loaded", "_loads_ns", "_models_bytes")

    def __init__(
        self, memory_bytes: int, models_bytes: Mapping[str, int], limit: SwapLimit
    ) -> None:
        for name, takes_bytes in models_bytes.items():
            if not 1 <= takes_bytes <= memory_bytes:
                raise ValueError(f"{name} must take 1 to {memory_bytes} bytes, got {takes_bytes}")
        self._models_bytes = dict(models_bytes)
        self._limit = limit
        self._free_bytes = memory_bytes
        # How many use each, the one that was asked for longest ago first.
        self._loaded: dict[str, int] = {}
        self._loads_ns: deque[int] = deque(maxlen=limit.swaps_max)

    @property
    def loaded(self) -> tuple[str, ...]:
        """The models that are loaded, the one that would go first first."""
        return tuple(self._loaded)

    def use(self, model: str, now_ns: int) -> Warmth:
        """Decide a request; if it is ``Warm`` or ``Swap``, the model is in use until ``done``.

        Time may stand still from call to call, but not run backwards.

        Raises:
            ValueError: there is no such model.
        """
        self._require_known(model)
        if model in self._loaded:
            self._loaded[model] = self._loaded.pop(model) + 1
            return Warm()
        assert not self._loads_ns or self._loads_ns[-1] <= now_ns, "time ran backwards"
        evicted = self._to_evict(self._models_bytes[model])
        if evicted is None:
            return AllInUse()
        if len(self._loads_ns) == self._limit.swaps_max:
            allowed_ns = self._loads_ns[0] + self._limit.window_ns
            if now_ns < allowed_ns:
                return TooManySwaps(retry_after_ns=allowed_ns - now_ns)
        for each in evicted:
            del self._loaded[each]
            self._free_bytes += self._models_bytes[each]
        self._free_bytes -= self._models_bytes[model]
        self._loaded[model] = 1
        self._loads_ns.append(now_ns)
        return Swap(evicted)

    def done(self, model: str) -> None:
        """Take note that a request that used ``model`` is over.

        Raises:
            ValueError: there is no such model.
        """
        self._require_known(model)
        assert self._loaded.get(model, 0) > 0, "who is done had used it"
        self._loaded[model] -= 1

    def _require_known(self, model: str) -> None:
        if model not in self._models_bytes:
            raise ValueError(f"model must be one of {', '.join(self._models_bytes)}; got {model}")

    def _to_evict(self, needed_bytes: int) -> tuple[str, ...] | None:
        """Return who goes, none if there is room; None if not enough of them may go."""
        evicted: list[str] = []
        free_bytes = self._free_bytes
        for each, users in self._loaded.items():
            if free_bytes >= needed_bytes:
                break
            if users == 0:
                evicted.append(each)
                free_bytes += self._models_bytes[each]
        return tuple(evicted) if free_bytes >= needed_bytes else None
