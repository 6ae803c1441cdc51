"""What leaves a service in one write, and what does not wait for it."""

import asyncio
from typing import cast

from reference_services.runtime.whole_writes import GatheringTransport


class Wire(asyncio.Transport):
    """Keeps the pieces that were sent, and notes its end."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.sent: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep the piece."""
        self.sent.append(bytes(data))

    def close(self) -> None:
        """Note the end."""
        self.sent.append(b"<closed>")


def sent_by(*turns: list[bytes], close: bool = False) -> list[bytes]:
    """Return the pieces that leave when these are written, turn by turn of the loop."""

    async def run() -> list[bytes]:
        wire = Wire()
        transport = GatheringTransport(wire, asyncio.get_running_loop())
        for turn in turns:
            for piece in turn:
                transport.write(piece)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        if close:
            transport.write(b"last")
            transport.close()
        return wire.sent

    return asyncio.run(run())


def test_head_and_body_of_one_turn_leave_together() -> None:
    assert sent_by([b"head", b"body"]) == [b"headbody"]


def test_what_is_written_in_another_turn_does_not_wait() -> None:
    assert sent_by([b"head", b"first"], [b"second"]) == [b"headfirst", b"second"]


def test_much_leaves_at_once_so_that_the_writer_is_told_to_pause() -> None:
    large = b"x" * 40_000
    assert sent_by([large, large, b"rest"]) == [large + large, b"rest"]


def test_what_was_written_leaves_before_the_end() -> None:
    assert sent_by(close=True) == [b"last", b"<closed>"]


def test_everything_else_is_the_connections_own() -> None:
    loop = asyncio.new_event_loop()
    transport = cast(asyncio.Transport, GatheringTransport(Wire(), loop))
    loop.close()
    assert transport.get_extra_info("peername") == ("127.0.0.1", 1)
