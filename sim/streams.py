"""Chance as a function: a draw depends on what it is for, never on what was drawn before.

Each draw is named by four things: the run's seed, the stream (what is drawn: gaps between
arrivals, service times of one station), the request, and a step within the request. Two
engines that work requests off in different orders, and two variants of a scenario that are
to be compared, therefore see the same luck.

Seeds and streams are hashed before use. Seeds that are multiplied instead give the *same*
numbers, shifted by a few places, to neighbouring seeds; replications then agree with one
another, and intervals over them come out far too narrow.

Source: G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators",
OOPSLA (2014), for the sequence; D. Stafford, "Better Bit Mixing" (2011), variant 13, for
the finaliser.
"""

import hashlib
from typing import Final

_MASK: Final = 0xFFFF_FFFF_FFFF_FFFF
_GOLDEN: Final = 0x9E37_79B9_7F4A_7C15
_STRIDE: Final = 0xD1B5_4A32_D192_ED03
_FIRST: Final = 0xBF58_476D_1CE4_E5B9
_SECOND: Final = 0x94D0_49BB_1331_11EB

_UNIT: Final = 2.0**-52
_HALF_UNIT: Final = 2.0**-53


def seed_key(seed: int) -> int:
    """Return the 64 bits that stand for a run's ``seed``."""
    return _digest(f"seed {seed}")


def stream_key(name: str) -> int:
    """Return the 64 bits that stand for the stream called ``name``."""
    return _digest(f"stream {name}")


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def request_key(seed: int, request: int) -> int:
    """Return the 64 bits from which one request of a run draws.

    Args:
        seed: as :func:`seed_key` returns it.
        request: number of the request; at least 0.
    """
    word = (seed + request * _GOLDEN) & _MASK
    # The finaliser, written out here and below: a call would cost as much as the arithmetic.
    word = (word ^ (word >> 30)) * _FIRST & _MASK
    word = (word ^ (word >> 27)) * _SECOND & _MASK
    return word ^ (word >> 31)


def uniform(key: int, stream: int, step: int) -> float:
    """Draw from the open interval (0, 1), in steps of 2**-52.

    Scalars and integer operations modulo 2**64 only, so that a compiled engine can make
    the same draw. Of the hash, 52 bits are used and a half is added: 0 and 1, at which
    inverse distributions are infinite, do not occur.

    Args:
        key: of the request, as :func:`request_key` returns it.
        stream: as :func:`stream_key` returns it.
        step: which draw of the request from this stream; at least 0.
    """
    word = (key + stream + step * _STRIDE) & _MASK
    word = (word ^ (word >> 30)) * _FIRST & _MASK
    word = (word ^ (word >> 27)) * _SECOND & _MASK
    return ((word ^ (word >> 31)) >> 12) * _UNIT + _HALF_UNIT
