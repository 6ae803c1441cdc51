"""Commands to a running platform: JSON lines over a Unix socket in its home."""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worlds.processes.errors import PlatformProblem

Request = dict[str, Any]
_ANSWER_MAX_S = 300.0


class ControlServer:
    """Answers requests, one for each connection, each in a thread of its own."""

    def __init__(self, path: Path, answer: Callable[[Request], object]) -> None:
        """Listen on ``path``; ``answer`` may raise ``PlatformProblem``, which the asker gets."""
        self._path = path
        self._answer = answer
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen()
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        # A closed socket would leave a thread that is waiting in accept() there for good.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # Whoever asked may be gone before the answer is ready; that is their affair.
        with connection, contextlib.suppress(OSError), connection.makefile("rwb") as lines:
            lines.write(json.dumps(self._reply(lines.readline())).encode() + b"\n")

    def _reply(self, line: bytes) -> dict[str, object]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                return {"reason": "a request is a JSON object", "remedy": ""}
            return {"answer": self._answer(request)}
        except PlatformProblem as problem:
            return {"reason": problem.reason, "remedy": problem.remedy}
        except (ValueError, KeyError, TypeError) as error:
            return {"reason": f"the request is not understood: {error!r}", "remedy": ""}


def ask(path: Path, request: Request) -> Any:  # noqa: ANN401  # whatever JSON the answer is
    """Return the answer of the platform whose control socket is ``path``.

    Raises:
        PlatformProblem: nobody answers, or the answer is a refusal.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ANSWER_MAX_S)
        try:
            if path.stat().st_uid != os.getuid():
                raise PlatformProblem(f"{path} belongs to another user")
            connection.connect(str(path))
            with connection.makefile("rwb") as lines:
                lines.write(json.dumps(request).encode() + b"\n")
                lines.flush()
                reply = json.loads(lines.readline())
        except (OSError, ValueError) as error:
            raise PlatformProblem(
                f"the platform does not answer on {path}: {error}", "see: wavetank status"
            ) from error
    if "reason" in reply:
        raise PlatformProblem(reply["reason"], reply["remedy"])
    return reply["answer"]
