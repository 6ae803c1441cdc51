"""Stories of address ranges that lose their welcome, and win it back."""

import pytest

from policies.rate_limit import RateLimit
from policies.suspicion import Evidence, Suspicion, SuspicionSettings

SECOND_NS = 1_000_000_000
FREE = RateLimit(requests=100, window_ns=60 * SECOND_NS)


@pytest.mark.requirement("stream-8.3")
def test_guessing_passwords_tightens_the_range_and_silence_relaxes_it() -> None:
    suspicion = Suspicion(SuspicionSettings())
    for guess in range(20):
        suspicion.note("198.51.100.7", Evidence.FAILED_AUTHENTICATION, guess)
    # Two points each, twenty to a level: the limit is halved twice, for the neighbours too.
    assert suspicion.limit("198.51.100.200", FREE, 20).requests == 25
    assert suspicion.limit("198.51.101.7", FREE, 20) is FREE
    # One point drains in five seconds. Level 2 ends below 30 points, level 1 below 10.
    assert suspicion.limit("198.51.100.7", FREE, 51 * SECOND_NS).requests == 25
    assert suspicion.limit("198.51.100.7", FREE, 56 * SECOND_NS).requests == 50
    assert suspicion.limit("198.51.100.7", FREE, 151 * SECOND_NS).requests == 50
    assert suspicion.limit("198.51.100.7", FREE, 156 * SECOND_NS) is FREE


@pytest.mark.requirement("stream-8.3")
def test_refusals_tighten_once_and_do_not_hold_a_tightened_range_down() -> None:
    suspicion = Suspicion(SuspicionSettings())
    for second in range(3_600):
        suspicion.note("203.0.113.9", Evidence.REFUSED, second * SECOND_NS // 10)
        assert suspicion.level("203.0.113.9", second * SECOND_NS // 10) <= 1


def test_a_crowd_of_users_from_one_house_is_evidence_and_an_office_is_not() -> None:
    suspicion = Suspicion(SuspicionSettings())
    for number in range(500):
        suspicion.seen("2001:db8::1", f"user-{number % 50}", number)
    assert suspicion.level("2001:db8::1", 500) == 0
    for number in range(500):
        suspicion.seen("2001:db8::1", f"user-{number}", 500 + number)
    assert suspicion.level("2001:db8::1", 1_000) == 3
    assert suspicion.limit("2001:db8::ffff", FREE, 1_000).requests == 12
    assert suspicion.level("2001:db8:0:1::1", 1_000) == 0


def test_users_are_counted_anew_after_a_while() -> None:
    settings = SuspicionSettings(users_free=2, level_points=1, slack_points=0)
    suspicion = Suspicion(settings)
    for number in range(9):
        suspicion.seen("203.0.113.9", f"user-{number}", number * settings.users_window_ns // 2)
        assert suspicion.level("203.0.113.9", number * settings.users_window_ns // 2) == 0


def test_a_busy_house_is_tightened_by_its_users_and_not_by_how_often_they_come() -> None:
    # Points drain fast: the 150 users of a house bring 100 within a minute, and 600 drain.
    settings = SuspicionSettings(drain_ns=SECOND_NS // 10)
    suspicion = Suspicion(settings)
    for second in range(60):
        for user in range(150):
            now_ns = second * SECOND_NS + user * SECOND_NS // 150
            if second >= user * 60 // 150:
                suspicion.seen("203.0.113.9", f"user-{user}", now_ns)
                assert suspicion.level("203.0.113.9", now_ns) == 0


def test_whom_a_range_cannot_tell_apart_any_more_does_not_count() -> None:
    settings = SuspicionSettings(users_free=1, level_points=1, slack_points=0, levels=1)
    suspicion = Suspicion(settings)
    for number in range(100):
        suspicion.seen("203.0.113.9", f"user-{number}", 0)
    assert suspicion.level("203.0.113.9", 0) == 1
    suspicion.seen("203.0.113.9", "user-99", settings.drain_ns)
    assert suspicion.level("203.0.113.9", settings.drain_ns) == 0


def test_the_same_client_is_in_one_range_however_its_socket_writes_it() -> None:
    suspicion = Suspicion(SuspicionSettings())
    assert suspicion.range_of("198.51.100.7") == "198.51.100.0/24"
    assert suspicion.range_of("::ffff:198.51.100.7") == "198.51.100.0/24"
    assert suspicion.range_of("2001:db8::1%eth0") == "2001:db8::/64"


def test_ranges_may_be_wider() -> None:
    suspicion = Suspicion(SuspicionSettings(ipv4_prefix=16, ipv6_prefix=48))
    assert suspicion.range_of("198.51.100.7") == "198.51.0.0/16"
    assert suspicion.range_of("2001:db8:0:1::1") == "2001:db8::/48"


def test_a_range_of_which_nothing_is_left_is_forgotten_when_another_one_comes() -> None:
    settings = SuspicionSettings()
    suspicion = Suspicion(settings)
    suspicion.note("198.51.100.7", Evidence.REFUSED, 0)
    suspicion.note("203.0.113.9", Evidence.REFUSED, settings.users_window_ns)
    assert suspicion.ranges_remembered == 1


def test_evidence_that_counts_nothing_leaves_nothing_behind() -> None:
    settings = SuspicionSettings(refused_points=0, users_window_ns=10)
    suspicion = Suspicion(settings)
    suspicion.note("198.51.100.7", Evidence.REFUSED, 0)
    suspicion.note("198.51.100.7", Evidence.REFUSED, 10)
    assert suspicion.ranges_remembered == 0


def test_the_least_recently_suspicious_range_makes_room() -> None:
    suspicion = Suspicion(SuspicionSettings(ranges_max=2, level_points=1, slack_points=0))
    for third in (1, 2, 1, 3):
        suspicion.note(f"203.0.{third}.1", Evidence.REFUSED, 0)
    assert [suspicion.level(f"203.0.{third}.1", 0) for third in (1, 2, 3)] == [1, 0, 1]


@pytest.mark.parametrize("address", ["", "ada", "198.51.100", "198.51.100.256", "::g"])
def test_what_is_no_address_is_refused(address: str) -> None:
    suspicion = Suspicion(SuspicionSettings())
    with pytest.raises(ValueError, match=r"does not appear to be an IPv4 or IPv6 address"):
        suspicion.level(address, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("drain_ns", 0),
        ("level_points", 0),
        ("slack_points", 20),
        ("slack_points", -1),
        ("levels", 0),
        ("levels", 33),
        ("failed_authentication_points", -1),
        ("refused_points", -1),
        ("many_users_points", -1),
        ("users_free", 0),
        ("users_window_ns", 0),
        ("ipv4_prefix", 25),
        ("ipv4_prefix", 0),
        ("ipv6_prefix", 65),
        ("ranges_max", 0),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be .* got {value}$"):
        SuspicionSettings(**{name: value})
