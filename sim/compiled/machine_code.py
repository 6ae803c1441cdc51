"""How functions are compiled: all in the same way, so that they can be made one.

To the type checker all integers are ``int``. In machine code they are 64 bits wide, with or
without a sign; where the two meet in a calculation Numba makes a float of them, which is why
each is told here what it is to be.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np
from numba import njit
from numba.extending import register_jitable

from sim.compiled.cache_folder import choose_cache_folder

choose_cache_folder()

_Function = TypeVar("_Function", bound=Callable[..., object])

signed: Final[Callable[[Any], int]] = np.int64  # type: ignore[assignment]  # see above
unsigned: Final[Callable[[Any], int]] = np.uint64  # type: ignore[assignment]  # see above

_OPTIONS: Final = {"cache": True, "forceinline": True, "no_cfunc_wrapper": True, "_nrt": False}
_CALLED: Final = {"no_cfunc_wrapper": True, "_nrt": False}


def compiled(function: _Function) -> _Function:
    """Compile a function of scalars and of arrays that exist.

    It must not make an array. In return nobody counts who holds the arrays, and none of them is
    passed on the stack when machine code calls it: either takes several times as long as a draw.
    """
    return njit(**_OPTIONS)(function)  # type: ignore[call-overload]  # not in its stubs


def inner(function: _Function) -> _Function:
    """Compile a function that only machine code calls, at less cost to the compiler.

    Python that calls it crashes: only for functions that are private to their module.
    """
    return njit(no_cpython_wrapper=True, **_OPTIONS)(function)  # type: ignore[call-overload]  # not in its stubs


def called(function: _Function) -> _Function:
    """Compile a longer function that only machine code calls, on its own.

    It is not kept on disk: whoever calls it is, together with it.
    """
    return njit(no_cpython_wrapper=True, **_CALLED)(function)  # type: ignore[call-overload]  # not in its stubs


def inlined(function: _Function) -> _Function:
    """Compile a short function that only machine code calls, into whoever calls it.

    It is not kept on disk: whoever calls it is, together with it.
    """
    return njit(no_cpython_wrapper=True, forceinline=True, **_CALLED)(function)  # type: ignore[call-overload]  # not in its stubs


def scalar(function: _Function) -> _Function:
    """Let machine code call a function of scalars that is written for Python, as it stands."""
    return register_jitable(no_cfunc_wrapper=True)(function)
