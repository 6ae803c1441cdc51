"""Chance: the only module of the services that draws it.

Policies take chance as an argument. A live service needs no repeatable luck, so its draws come from
a generator that the operating system seeded; the simulator has its own, repeatable streams.
"""

import random  # noqa: TID251  # the one place where services draw

# Jitter and balancing are no secrets: the fast generator will do.
_generator = random.Random()  # noqa: S311  # see above


def uniform() -> float:
    """Return a number from [0, 1), each as likely as any other."""
    return _generator.random()
