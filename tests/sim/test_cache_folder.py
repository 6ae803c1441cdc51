"""Whether the engine has to be compiled is known before it is."""

from pathlib import Path

import numba
import pytest

from sim.compiled.cache_folder import is_compiled


def test_an_engine_is_compiled_once_its_event_loop_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    assert not is_compiled()
    kept = tmp_path / "compiled_0123"
    kept.mkdir()
    (kept / "loop.advance-59.py27.1.nbc").touch()
    (kept / "draws.uniform-3.py311.1.nbc").touch()
    assert not is_compiled()


def test_nothing_is_compiled_where_there_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "none"))
    assert not is_compiled()
