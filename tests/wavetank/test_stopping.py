"""What a simulation may take, and what ends it before its end."""

import os
import signal

import pytest

from scenarios.load import load_scenario
from wavetank.stopping import (
    Limits,
    Stopping,
    check_room,
    limits_from_now,
    memory_bytes,
    parse_size,
)


@pytest.mark.parametrize(
    ("written", "size"),
    [("500MB", 500_000_000), ("1.5 GB", 1_500_000_000), ("2GiB", 2 << 30), (" 3kB ", 3_000)],
)
def test_sizes_are_written_with_their_unit(written: str, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize("written", ["", "500", "MB", "-1MB", "1mb", "0MB", "0.0001kB", "1e3MB"])
def test_what_is_no_size_is_refused_by_example(written: str) -> None:
    with pytest.raises(ValueError, match="should be a size such as 500MB"):
        parse_size(written)


def test_without_limits_nothing_is_too_much() -> None:
    assert not limits_from_now("", "").broken(10**15)


def test_the_time_that_was_given_runs_out() -> None:
    assert not limits_from_now("1h", "").broken(0)
    assert limits_from_now("1ns", "").broken(0) == "the time limit of 1ns was reached"


def test_memory_is_counted_together_with_what_is_about_to_be_taken() -> None:
    held = memory_bytes()
    assert 10_000_000 < held < 10**11
    limits = Limits(memory="plenty", memory_max=held + 200_000_000)
    assert not limits.broken(50_000_000)
    assert limits.broken(400_000_000) == "the memory limit of plenty was reached"


def test_series_that_fit_into_no_memory_are_found_before_the_run() -> None:
    long = load_scenario("baseline", ["duration=1000d"])
    check_room(long, limits_from_now("", ""))
    check_room(load_scenario("baseline"), limits_from_now("", "10MB"))
    with pytest.raises(ValueError, match=r"1GB is too little: .* series of about 99\.\d GB"):
        check_room(long, limits_from_now("", "1GB"))


def test_ctrl_c_is_remembered_until_the_run_asks_and_a_second_one_is_not_waited_for() -> None:
    stopping = Stopping(Limits())
    before = signal.getsignal(signal.SIGINT)
    with stopping.on_ctrl_c():
        assert not stopping(0)
        os.kill(os.getpid(), signal.SIGINT)
        assert stopping(0)
        assert stopping.why == "it was interrupted"
        assert stopping.interrupted
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
