"""An upstream that does nothing: bare ASGI on the server that all services use."""

import sys

import uvicorn
from starlette.types import Receive, Scope, Send

BODY = b'{"hello": "world"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Say hello, whatever is asked."""
    assert scope["type"] == "http"
    del receive
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    uvicorn.run(
        answer,
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
