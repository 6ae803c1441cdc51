"""Load goes to this machine and to no other."""

from ipaddress import ip_address
from urllib.parse import urlsplit


class NotLoopback(ValueError):
    """Load was about to be sent to another machine."""


def require_loopback(url: str) -> None:
    """Refuse a URL whose host is not this machine.

    Accepted are 127.0.0.0/8, ::1 and ``localhost``; no other name, whatever it resolves to.

    Raises:
        NotLoopback: the host is another's, or there is none.
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    if not _is_loopback(host):
        raise NotLoopback(
            f"{host or repr(url)} is not this machine: load goes to loopback addresses only "
            "(127.0.0.0/8, ::1, localhost); nothing was sent"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
