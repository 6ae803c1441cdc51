"""Laws of warm models: memory and swaps stay within bounds, and nobody loses what is in use."""

from copy import deepcopy

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from policies.warm_models import AllInUse, Swap, SwapLimit, TooManySwaps, Warm, WarmModels
from properties.profiles import scaled

MEMORY_BYTES = 10
SIZES = {"a": 3, "b": 4, "c": 5, "d": 10}
LIMIT = SwapLimit(swaps_max=3, window_ns=20)


class WarmMachine(RuleBasedStateMachine):
    """Keeps an account of what is loaded, by whom it is used, and when it was loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.warm = WarmModels(MEMORY_BYTES, SIZES, LIMIT)
        self.now_ns = 0
        self.used: list[str] = []
        """What is loaded, in the order in which it was last asked for."""

        self.users = dict.fromkeys(SIZES, 0)
        self.loads_ns: list[int] = []

    @rule(step_ns=st.sampled_from([1, 9, 19, 20, 21]))
    def time_passes(self, step_ns: int) -> None:
        """Go on by about a window, or by hardly anything."""
        self.now_ns += step_ns

    @rule(model=st.sampled_from(sorted(SIZES)), short=st.booleans())
    def somebody_uses(self, *, model: str, short: bool) -> None:
        """The answer follows from what is loaded, and from nothing else."""
        answer = self.warm.use(model, self.now_ns)
        if model in self.used:
            assert answer == Warm()
            self.used.remove(model)
        else:
            idle = [each for each in self.used if self.users[each] == 0]
            in_use = sum(SIZES[each] for each in self.used if self.users[each])
            recent = [at_ns for at_ns in self.loads_ns if at_ns > self.now_ns - LIMIT.window_ns]
            if in_use + SIZES[model] > MEMORY_BYTES:
                assert answer == AllInUse()
                return
            if len(recent) == LIMIT.swaps_max:
                wait_ns = recent[0] + LIMIT.window_ns - self.now_ns
                assert answer == TooManySwaps(retry_after_ns=wait_ns)
                # Who comes back when it was told gets in, if nobody else was loaded meanwhile.
                told_ns = self.now_ns + wait_ns
                assert isinstance(deepcopy(self.warm).use(model, told_ns), Swap)
                assert deepcopy(self.warm).use(model, told_ns - 1) == TooManySwaps(1)
                return
            assert isinstance(answer, Swap)
            self.check_who_goes(answer.evicted, idle, SIZES[model])
            self.loads_ns.append(self.now_ns)
        self.used.append(model)
        self.users[model] += 1
        if short:
            self.warm.done(model)
            self.users[model] -= 1

    def check_who_goes(self, evicted: tuple[str, ...], idle: list[str], needed: int) -> None:
        """The longest idle go first, and no more of them than needed."""
        assert list(evicted) == idle[: len(evicted)]
        free = MEMORY_BYTES - sum(SIZES[each] for each in self.used)
        assert free + sum(SIZES[each] for each in evicted) >= needed
        if evicted:
            assert free + sum(SIZES[each] for each in evicted[:-1]) < needed
        self.used = [each for each in self.used if each not in evicted]

    @precondition(lambda self: any(self.users.values()))
    @rule(data=st.data())
    def somebody_is_done(self, data: st.DataObject) -> None:
        """The model may go from now on, if that was its last user."""
        model = data.draw(st.sampled_from(sorted(m for m, users in self.users.items() if users)))
        self.warm.done(model)
        self.users[model] -= 1

    @invariant()
    def what_is_loaded_fits_and_was_not_loaded_too_often(self) -> None:
        """Any window has so many loads at most: look at each that ends with a load."""
        assert list(self.warm.loaded) == self.used
        assert sum(SIZES[model] for model in self.used) <= MEMORY_BYTES
        for end_ns in self.loads_ns:
            within = [at for at in self.loads_ns if end_ns - LIMIT.window_ns < at <= end_ns]
            assert len(within) <= LIMIT.swaps_max


TestWarmModels = WarmMachine.TestCase
TestWarmModels.settings = settings(max_examples=scaled(60), stateful_step_count=30)
