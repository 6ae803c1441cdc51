"""Results: whole or absent, and never two for one key."""

import hashlib
import os
from pathlib import Path

import pytest

from reference_services.runtime.clock import NS_PER_S
from reference_services.runtime.storage import ResultStore

KEY = hashlib.sha256(b"content").hexdigest()


def test_a_result_is_there_once_it_is_published_and_its_draft_is_gone(tmp_path: Path) -> None:
    store = ResultStore(tmp_path, ".txt")
    assert store.find(KEY) is None
    with store.draft() as draft:
        (draft / "result").write_text("content")
        assert store.find(KEY) is None
        published = store.publish(draft / "result", KEY)
    assert store.find(KEY) == published == tmp_path / f"{KEY}.txt"
    assert published.read_text() == "content"
    assert list((tmp_path / "drafts").iterdir()) == []


def test_the_first_of_two_results_of_one_key_is_kept(tmp_path: Path) -> None:
    store = ResultStore(tmp_path, ".txt")
    for text in ("first", "second"):
        with store.draft() as draft:
            (draft / "result").write_text(text)
            assert store.publish(draft / "result", KEY).read_text() == "first"
    assert len(list(tmp_path.glob("*.txt"))) == 1


def test_a_draft_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = ResultStore(tmp_path, ".txt")

    def fail() -> None:
        with store.draft() as draft:
            (draft / "result").write_text("half")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail()
    assert store.find(KEY) is None
    assert list((tmp_path / "drafts").iterdir()) == []


def test_drafts_of_the_dead_are_swept_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    store = ResultStore(tmp_path, ".txt")
    dead = tmp_path / "drafts" / "dead"
    dead.mkdir()
    os.utime(dead, ns=(0, 0))
    with store.draft() as draft:
        assert store.sweep(before_unix_ns=NS_PER_S) == 1
        assert draft.exists()
    assert not dead.exists()


@pytest.mark.parametrize("key", ["", "../../etc/passwd", KEY.upper(), KEY + "0", f"{KEY}\n"])
def test_what_is_no_key_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        ResultStore(tmp_path, ".txt").find(key)
