"""Laws of batching, for items that come in bursts, just in time, or too late."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from policies.batching import Batch, Batcher, BatchLimits, BatchRefused
from properties.strategies.work import gaps_ns

LIMITS = BatchLimits(weight_max=5, age_max_ns=10, keys_max=2)


class BatchMachine(RuleBasedStateMachine):
    """Each item that was taken is in one batch, and leaves in time, in order, with its key."""

    def __init__(self) -> None:
        super().__init__()
        self.batcher: Batcher[int] = Batcher(LIMITS)
        self.now_ns = 0
        self.items = 0
        self.waiting: dict[str, list[tuple[int, int, int]]] = {}
        """By key: number, weight and arrival of what has not left yet."""
        self.closed = False

    @rule(gap_ns=gaps_ns(LIMITS.age_max_ns))
    def time_passes_punctually(self, gap_ns: int) -> None:
        """Go on, and ask whenever something is due on the way."""
        self._leave(self.batcher.due(self.now_ns), on_time=False)
        end_ns = self.now_ns + gap_ns
        while (due_ns := self.batcher.due_at_ns) is not None and due_ns <= end_ns:
            assert due_ns >= self.now_ns, "something should have left before"
            self.now_ns = due_ns
            gone = self.batcher.due(due_ns)
            assert gone, "nothing left though it was due"
            self._leave(gone, on_time=True)
        self.now_ns = end_ns
        assert self.batcher.due(end_ns) == ()

    @rule(gap_ns=gaps_ns(LIMITS.age_max_ns))
    def time_passes_while_nobody_looks(self, gap_ns: int) -> None:
        """Go on, and do not ask."""
        self.now_ns += gap_ns

    @rule(key=st.sampled_from(["m", "n", "o"]), weight=st.sampled_from([1, 1, 2, 4, 5, 6]))
    def an_item_comes(self, key: str, weight: int) -> None:
        """Add one item; what goes by that was due, or full."""
        before = self.batcher.due_at_ns
        open_keys = {
            it for it, waiting in self.waiting.items() if waiting and not self._overdue(it)
        }
        added = self.batcher.add(key, self.items, weight, self.now_ns)
        if isinstance(added, BatchRefused):
            assert self.batcher.due_at_ns == before
            assert added.reason == self._reason(key, weight, open_keys)
            return
        assert self._reason(key, weight, open_keys) is None
        self.waiting.setdefault(key, []).append((self.items, weight, self.now_ns))
        self.items += 1
        self._leave(added, on_time=False, added_weight=weight)
        assert all(not self._overdue(it) for it in self.waiting), "an overdue batch stayed"

    def _reason(self, key: str, weight: int, open_keys: set[str]) -> str | None:
        if self.closed:
            return "closed"
        if weight > LIMITS.weight_max:
            return "too_heavy"
        full = len(open_keys) >= LIMITS.keys_max and key not in open_keys
        return "keys" if full else None

    @precondition(lambda self: self.items > 5)
    @rule()
    def it_is_shut_down(self) -> None:
        """Let everything go."""
        gone = self.batcher.close()
        self.closed = True
        for batch in gone:
            self._left(batch)
        assert not any(self.waiting.values()), "something was left behind"

    def _overdue(self, key: str) -> bool:
        waiting = self.waiting[key]
        return bool(waiting) and self.now_ns - waiting[0][2] >= LIMITS.age_max_ns

    def _leave(self, gone: tuple[Batch[int], ...], *, on_time: bool, added_weight: int = 0) -> None:
        for batch in gone:
            age_ns = self.now_ns - batch.opened_ns
            assert not on_time or age_ns == LIMITS.age_max_ns
            room = LIMITS.weight_max - batch.weight
            assert age_ns >= LIMITS.age_max_ns or room < max(added_weight, 1), "left too early"
            self._left(batch)

    def _left(self, batch: Batch[int]) -> None:
        assert batch.items
        waiting = self.waiting[batch.key]
        mine, self.waiting[batch.key] = waiting[: len(batch.items)], waiting[len(batch.items) :]
        assert batch.items == tuple(number for number, _, _ in mine), "out of order"
        assert batch.weight == sum(weight for _, weight, _ in mine) <= LIMITS.weight_max
        assert batch.opened_ns == mine[0][2]

    @invariant()
    def the_next_date_is_that_of_the_oldest(self) -> None:
        """Compare with our own account."""
        oldest = [waiting[0][2] for waiting in self.waiting.values() if waiting]
        expected = min(oldest) + LIMITS.age_max_ns if oldest else None
        assert self.batcher.due_at_ns == expected


TestBatching = BatchMachine.TestCase
