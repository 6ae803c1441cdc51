"""Ports: free ones are found, claims are kept, what is taken is named."""

import socket

import pytest

from worlds.processes.errors import PortTaken
from worlds.processes.ports import claim_free_port, claim_port, port_is_free


def test_a_claimed_port_is_free_to_listen_on() -> None:
    claim = claim_free_port()
    with socket.create_server(("127.0.0.1", claim.port)):
        assert not port_is_free(claim.port)
    claim.release()


def test_a_port_that_one_instance_has_claimed_is_refused_to_another() -> None:
    claim = claim_free_port()
    with pytest.raises(PortTaken):
        claim_port("edge", claim.port)

    claim.release()
    claim_port("edge", claim.port).release()


def test_a_port_that_somebody_listens_on_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"port {port}, wanted for edge, is taken") as taken:
            claim_port("edge", port)
    assert "--edge-port" in taken.value.remedy
