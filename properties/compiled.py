"""The policies' hot steps, compiled as they stand, for properties that hold them to Python's."""

from collections.abc import Callable
from functools import cache
from typing import ParamSpec, TypeVar

from numba import njit

Arguments = ParamSpec("Arguments")
Verdict = TypeVar("Verdict")


@cache
def compiled(step: Callable[Arguments, Verdict]) -> Callable[Arguments, Verdict]:
    """Return the step as machine code; nothing is rewritten for the compiler's sake.

    Args:
        step: a function of scalars on the module level. Integers are 64 bits wide when it is
            compiled, and wrap around.
    """
    return njit()(step)
