"""Batches by size or age, whichever comes first; one at a time for each key.

An item joins the open batch of its key. A batch goes when no further item fits, or when its
first item has waited ``age_max_ns``. Weights are in any unit that adds up: items, tokens, frames.

Bounds: no batch weighs more than ``weight_max``; nothing waits longer than ``age_max_ns``, if
``due`` is asked at ``due_at_ns`` (what is late there is late here, by no more); items of one
key keep their order.

Source: NVIDIA Triton Inference Server, "Dynamic batcher" (maximum queue delay); Apache Kafka,
producer settings ``batch.size`` and ``linger.ms``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeAlias, TypeVar

Item = TypeVar("Item")


def batch_must_go(
    weight: int, weight_max: int, added: int, waited_ns: int, age_max_ns: int
) -> bool:
    """Say whether an open batch goes before ``added`` more may join it.

    Written in scalars and branches, so that a compiler can take it as it is.

    Args:
        weight: of what is in it; from 1 to ``weight_max``.
        weight_max: the most it may weigh; below 2**63.
        added: weight of the item that comes; 0: none comes. An item weighs at least 1, so a
            batch without room for that is full.
        waited_ns: for how long its first item has waited; at least 0.
        age_max_ns: the longest that it may.
    """
    return waited_ns >= age_max_ns or weight_max - weight < max(added, 1)


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a batch goes.

    Raises:
        ValueError: a limit is out of its range; the message names it.
    """

    weight_max: int
    """The most that a batch may weigh; at least 1."""

    age_max_ns: int
    """The longest that an item may wait; at least 0. With 0 every item goes by itself."""

    keys_max: int
    """How many batches may be open; at least 1."""

    def __post_init__(self) -> None:
        if self.weight_max < 1:
            raise ValueError(f"weight_max must be at least 1, got {self.weight_max}")
        if self.age_max_ns < 0:
            raise ValueError(f"age_max_ns must be at least 0, got {self.age_max_ns}")
        if self.keys_max < 1:
            raise ValueError(f"keys_max must be at least 1, got {self.keys_max}")


class Batch(NamedTuple, Generic[Item]):
    """Items that go together, in the order in which they came."""

    key: str
    items: tuple[Item, ...]
    weight: int
    opened_ns: int


class BatchRefused(NamedTuple):
    """The item was not taken."""

    reason: Literal["closed", "too_heavy", "keys"]
    """Shut down; heavier than any batch may be; too many batches are open."""


class _Open(Generic[Item]):
    __slots__ = ("items", "opened_ns", "weight")

    def __init__(self, opened_ns: int) -> None:
        self.opened_ns = opened_ns
        self.items: list[Item] = []
        self.weight = 0


Added: TypeAlias = tuple[Batch[Item], ...] | BatchRefused


class Batcher(Generic[Item]):
    """Collects items into batches; whatever goes is returned by the call that lets it go."""

    __slots__ = ("_closed", "_limits", "_now_ns", "_open")

    def __init__(self, limits: BatchLimits) -> None:
        self._limits = limits
        # In the order in which they were opened, which is that in which they come of age.
        self._open: dict[str, _Open[Item]] = {}
        self._closed = False
        self._now_ns = 0

    @property
    def due_at_ns(self) -> int | None:
        """When the next batch comes of age; None: none is open."""
        for batch in self._open.values():
            return batch.opened_ns + self._limits.age_max_ns
        return None

    def add(self, key: str, item: Item, weight: int, now_ns: int) -> "Added[Item]":
        """Take ``item``; return the batches that go now, the oldest first.

        A refusal leaves everything as it was, batches that are due included.

        Raises:
            ValueError: ``weight`` is less than 1.
        """
        if weight < 1:
            raise ValueError(f"weight must be at least 1, got {weight}")
        self._advance_to(now_ns)
        if self._closed:
            return BatchRefused("closed")
        if weight > self._limits.weight_max:
            return BatchRefused("too_heavy")
        due = sum(1 for _ in self._of_age())
        if key not in self._open and len(self._open) - due >= self._limits.keys_max:
            return BatchRefused("keys")
        gone = list(self.due(now_ns))
        if key in self._open and self._must_go(key, weight):
            gone.append(self._take(key))
        batch = self._open.setdefault(key, _Open(now_ns))
        batch.items.append(item)
        batch.weight += weight
        if self._must_go(key, 0):
            gone.append(self._take(key))
        return tuple(gone)

    def due(self, now_ns: int) -> tuple[Batch[Item], ...]:
        """Return the batches that have come of age; time must not run backwards."""
        self._advance_to(now_ns)
        return tuple(self._take(key) for key in tuple(self._of_age()))

    def close(self) -> tuple[Batch[Item], ...]:
        """Return all that is open, the oldest first; nothing is taken from now on."""
        self._closed = True
        return tuple(self._take(key) for key in tuple(self._open))

    def _of_age(self) -> Iterator[str]:
        for key, batch in self._open.items():
            if self._now_ns - batch.opened_ns < self._limits.age_max_ns:
                return
            yield key

    def _must_go(self, key: str, added: int) -> bool:
        batch = self._open[key]
        waited_ns = self._now_ns - batch.opened_ns
        limits = self._limits
        return batch_must_go(batch.weight, limits.weight_max, added, waited_ns, limits.age_max_ns)

    def _take(self, key: str) -> Batch[Item]:
        batch = self._open.pop(key)
        return Batch(key, tuple(batch.items), batch.weight, batch.opened_ns)

    def _advance_to(self, now_ns: int) -> None:
        assert now_ns >= self._now_ns, "time ran backwards"
        self._now_ns = now_ns
