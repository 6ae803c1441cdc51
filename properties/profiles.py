"""How hard the properties look.

``ci`` is Hypothesis' own profile: derandomised, so that a red run is red again. ``quick`` looks
at a third as many examples, for the tests that every change waits for; ``nightly`` digs a
hundred times as deep, with new luck each time. ``mutants`` stops at the first example
that objects: a planted bug's counterexample need not be small.
"""

from typing import Final

from hypothesis import Phase, settings

_EXAMPLES: Final = settings.get_profile("ci").max_examples

settings.register_profile("quick", settings.get_profile("ci"), max_examples=_EXAMPLES // 3)
settings.register_profile(
    "nightly", settings.get_profile("ci"), max_examples=100 * _EXAMPLES, derandomize=False
)
settings.register_profile(
    "mutants", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate]
)


def scaled(count: int) -> int:
    """Return how many examples, or seconds, the profile in use makes of so many.

    For a test that wants fewer examples than the others, or more:
    ``@settings(max_examples=scaled(25))`` still digs a hundred times as deep at night. A plain
    number stays what it is; for tests in which a real server is slow, that may be meant.
    """
    return max(1, count * settings().max_examples // _EXAMPLES)
