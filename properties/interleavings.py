"""Every order in which several processes can take their steps, one after the other.

For worlds small enough to be gone through to the end: a mistake that needs a certain order of
steps is then found for certain, not with luck.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias, TypeVar

Process: TypeAlias = Iterator[None]
"""Does one step up to each ``yield``, and its last one after the last."""

Scene = TypeVar("Scene")


def every_order(begin: Callable[[], tuple[Scene, list[Process]]]) -> Iterator[Scene]:
    """Play a scene from the beginning for each order of steps, and give how it ended.

    Args:
        begin: makes the scene anew, and the processes that act in it. What a process does
            may depend on nothing but the scene.
    """
    choices: list[int] = []
    while True:
        scene, processes = begin()
        widths = _play(processes, choices)
        yield scene
        # The next order differs in the latest choice that has an alternative left.
        while choices and choices[-1] + 1 == widths[len(choices) - 1]:
            choices.pop()
        if not choices:
            return
        choices[-1] += 1


def _play(processes: list[Process], choices: list[int]) -> list[int]:
    """Take the chosen steps, then always the first there is; return how many there were."""
    widths: list[int] = []
    running = list(processes)
    while running:
        if len(widths) == len(choices):
            choices.append(0)
        chosen = choices[len(widths)]
        widths.append(len(running))
        try:
            next(running[chosen])
        except StopIteration:
            del running[chosen]
    return widths
