"""Who is let in by which credentials, and what the others are told."""

import hashlib
import json
from pathlib import Path

import jwt
import pytest

from reference_services.gateway.authentication import Authenticator, Identity, Unauthenticated
from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, block_ns, unix_ns
from reference_services.runtime.files import LOOK_AGAIN_NS
from reference_services.runtime.settings import SecretFile

# Long enough for HS512 as well, so that only the algorithm is wrong with such a token.
SECRET = "a secret of sixty-four bytes or more, which opens nothing anywhere"  # noqa: S105  # so it is
ADA = Identity("ada", "free")


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    write_keys(path, {"key-of-ada": ADA})
    return path


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    return path


@pytest.fixture
def authenticator(keys_file: Path, secret_file: Path) -> Authenticator:
    return Authenticator(keys_file, SecretFile(secret_file))


def let_changes_show() -> None:
    """Wait until files are looked at again."""
    block_ns(LOOK_AGAIN_NS)


def write_keys(path: Path, keys: dict[str, Identity]) -> None:
    entries = {
        hashlib.sha256(key.encode()).hexdigest(): owner._asdict() for key, owner in keys.items()
    }
    path.write_text(json.dumps(entries))


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: object) -> bytes:
    stated = {"sub": "ada", "tier": "free", "exp": unix_ns() // NS_PER_S + 60, **claims}
    kept = {name: value for name, value in stated.items() if value is not None}
    return b"Bearer " + jwt.encode(kept, secret, algorithm=algorithm).encode()


def refusal(authenticator: Authenticator, authorization: bytes | None) -> str:
    with pytest.raises(Unauthenticated) as refused:
        authenticator.identify(None, authorization)
    return refused.value.code


def test_a_known_key_says_whose_request_it_is(authenticator: Authenticator) -> None:
    assert authenticator.identify(b"key-of-ada", None) == ADA


def test_an_unknown_key_is_refused_even_beside_a_good_token(authenticator: Authenticator) -> None:
    with pytest.raises(Unauthenticated) as refused:
        authenticator.identify(b"guessed", token())
    assert refused.value.code == "api_key_unknown"


def test_a_request_without_credentials_is_told_which_to_send(authenticator: Authenticator) -> None:
    assert refusal(authenticator, None) == "credentials_missing"
    assert refusal(authenticator, b"Basic YWRhOmFkYQ==") == "credentials_missing"


def test_a_signed_token_says_whose_request_it_is(authenticator: Authenticator) -> None:
    assert authenticator.identify(None, token(sub="bob", tier="pro")) == Identity("bob", "pro")


def test_an_expired_token_is_refused_as_such(authenticator: Authenticator) -> None:
    assert refusal(authenticator, token(exp=unix_ns() // NS_PER_S)) == "token_expired"


def test_a_token_that_was_good_is_refused_once_it_has_expired(
    authenticator: Authenticator,
) -> None:
    expires_s = unix_ns() // NS_PER_S + 1
    short_lived = token(exp=expires_s)
    assert authenticator.identify(None, short_lived) == ADA
    while unix_ns() < expires_s * NS_PER_S:
        block_ns(20 * NS_PER_MS)
    assert refusal(authenticator, short_lived) == "token_expired"


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(token(secret="", algorithm="none"), id="unsigned"),
        pytest.param(token(secret="another secret " * 3), id="signed with another secret"),
        pytest.param(token(algorithm="HS512"), id="signed with another algorithm"),
        pytest.param(token(exp=None), id="without an end"),
        pytest.param(token(sub=None), id="without a user"),
        pytest.param(token(tier=None), id="without a tier"),
        pytest.param(token(sub="ada\r\nX-Tier: pro"), id="with a header in the name"),
        pytest.param(token(tier=["pro"]), id="with a tier that is no name"),
        pytest.param(b"Bearer nonsense", id="that is none"),
        pytest.param(b"Bearer \xff\xfe", id="that is not even text"),
        pytest.param(b"Bearer ", id="that is empty"),
    ],
)
def test_a_token_is_refused(authenticator: Authenticator, forged: bytes) -> None:
    assert refusal(authenticator, forged) == "token_invalid"


def test_a_token_is_good_no_longer_when_the_secret_was_changed(
    authenticator: Authenticator, secret_file: Path
) -> None:
    signed = token()
    assert authenticator.identify(None, signed) == ADA
    secret_file.write_text("another secret of at least thirty-two bytes")
    let_changes_show()
    assert refusal(authenticator, signed) == "token_invalid"


def test_keys_come_and_go_with_their_file(authenticator: Authenticator, keys_file: Path) -> None:
    bob = Identity("bob", "pro")
    write_keys(keys_file, {"key-of-bob": bob})
    let_changes_show()
    assert authenticator.identify(b"key-of-bob", None) == bob
    with pytest.raises(Unauthenticated):
        authenticator.identify(b"key-of-ada", None)


@pytest.mark.parametrize("slip", ["{", "[]", '{"12": {}}', f'{{"{"0" * 64}": {{"user": "x"}}}}'])
def test_a_slip_in_the_keys_file_locks_nobody_out(
    authenticator: Authenticator, keys_file: Path, slip: str
) -> None:
    keys_file.write_text(slip)
    let_changes_show()
    assert authenticator.identify(b"key-of-ada", None) == ADA


def test_a_vanished_keys_file_locks_nobody_out_and_is_read_when_it_is_back(
    authenticator: Authenticator, keys_file: Path
) -> None:
    keys_file.unlink()
    let_changes_show()
    assert authenticator.identify(b"key-of-ada", None) == ADA
    write_keys(keys_file, {})
    let_changes_show()
    with pytest.raises(Unauthenticated):
        authenticator.identify(b"key-of-ada", None)
