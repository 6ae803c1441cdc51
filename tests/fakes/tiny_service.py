"""A service small enough to start in a tenth of a second, for what only concerns supervision.

Usage: tiny_service.py PORT [BEHAVIOUR], where BEHAVIOUR is one of

- ``serve``: ready at once (the default);
- ``fail``: complain and exit with 7;
- ``never-ready``: answer 503 for ever;
- ``breed``: start a child in a session of its own, then serve.

Any path is answered with the process's environment as JSON.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_BEHAVIOUR = sys.argv[2] if len(sys.argv) > 2 else "serve"


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # the name that http.server calls
        """Answer with the environment."""
        body = json.dumps(dict(os.environ)).encode()
        self.send_response(503 if _BEHAVIOUR == "never-ready" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _main() -> None:
    if _BEHAVIOUR == "fail":
        sys.stderr.write("first line\nthe disk is made of cheese\n")
        sys.exit(7)
    if _BEHAVIOUR == "breed":
        subprocess.Popen([sys.executable, __file__, "0"], start_new_session=True)  # noqa: S603  # this file
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Answers)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.02)


if __name__ == "__main__":
    _main()
