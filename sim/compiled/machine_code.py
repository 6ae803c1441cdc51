"""How functions are compiled: all in the same way, so that they can be made one.

To the type checker all integers are ``int``. In machine code they are 64 bits wide, with or
without a sign; where the two meet in a calculation Numba makes a float of them, which is why
each is told here what it is to be.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np
from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., object])

signed: Final[Callable[[Any], int]] = np.int64  # type: ignore[assignment]  # see above
unsigned: Final[Callable[[Any], int]] = np.uint64  # type: ignore[assignment]  # see above


def compiled(function: _Function) -> _Function:
    """Compile a function that machine code calls, with scalars and arrays that exist.

    It must not make an array. In return nobody counts who holds the arrays, and none of them is
    passed on the stack: either takes several times as long as a draw.
    """
    options = {"cache": True, "forceinline": True, "_nrt": False}
    return njit(**options)(function)  # type: ignore[call-overload,no-any-return]  # not in its stubs
