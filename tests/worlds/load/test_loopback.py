"""Load goes to this machine and to no other."""

import pytest

from worlds.load.loopback import NotLoopback, require_loopback


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:80", "https://127.8.9.10/", "http://[::1]:9", "https://LOCALHOST:8443"],
)
def test_this_machine_may_be_loaded(url: str) -> None:
    require_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1:80",
        "https://example.org",
        "http://127.0.0.1.example.org",
        "http://127.0.0.1:80@example.org",
        "http://0.0.0.0:80",
        "http://[2001:db8::1]",
        "http://[",
        "127.0.0.1:80",
        "",
    ],
)
def test_no_other_machine_may_be_loaded(url: str) -> None:
    with pytest.raises(NotLoopback, match="not this machine"):
        require_loopback(url)
