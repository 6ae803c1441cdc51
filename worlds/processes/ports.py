"""Free ports, claimed so that two instances on one machine never want the same."""

import errno
import secrets
import socket

from worlds.processes.errors import PlatformProblem, PortTaken

LOOPBACK = "127.0.0.1"

# Below the ports that Linux (32768 up) and macOS (49152 up) hand to outgoing connections: a load
# generator opens thousands of those, and one of them could sit on the port of a replica that is
# about to start.
_FIRST, _LAST = 20_000, 32_000
_TRIES_MAX = 200


class PortClaim:
    """A port that this process has set aside for one of its children.

    Between finding a port free and the child listening on it, another instance could pick the same
    one. The claim is a UDP socket on the same number: TCP does not notice it, other instances do,
    and it ends with this process however that ends.
    """

    def __init__(self, port: int, token: socket.socket) -> None:
        self.port = port
        self._token = token

    def release(self) -> None:
        """Give the port back."""
        self._token.close()


def claim_free_port() -> PortClaim:
    """Claim any free port of the loopback interface.

    Raises:
        PlatformProblem: none was found.
    """
    for _ in range(_TRIES_MAX):
        claim = _claim(_FIRST + secrets.randbelow(_LAST - _FIRST))
        if claim is not None:
            return claim
    raise PlatformProblem(
        f"no free port was found between {_FIRST} and {_LAST} in {_TRIES_MAX} tries",
        "stop some of what listens there",
    )


def claim_port(part: str, port: int) -> PortClaim:
    """Claim ``port``, which a person asked for, for ``part``.

    Raises:
        PortTaken: somebody listens on it, or another instance has claimed it.
        PlatformProblem: this user may not listen on it.
    """
    try:
        claim = _claim(port)
    except PermissionError as error:
        raise PlatformProblem(
            f"port {port}, wanted for {part}, is reserved for the administrator",
            "choose a port of 1024 or above",
        ) from error
    if claim is None:
        raise PortTaken(part, port)
    return claim


def _claim(port: int) -> PortClaim | None:
    token = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        token.bind((LOOPBACK, port))
        if port_is_free(port):
            return PortClaim(port, token)
    except OSError as error:
        token.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    token.close()
    return None


def port_is_free(port: int) -> bool:
    """Say whether a server could listen on ``port`` of the loopback interface.

    Raises:
        PermissionError: this user may not listen on it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do, so that connections of a predecessor that have not timed out do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
        return True
