"""Who asks: an API key or a signed token, turned into a user and a tier.

Keys are looked up by their SHA-256, so that neither the file nor the time of the look-up tells
anything about a key. Tokens are checked with the one algorithm that the platform signs with,
whatever algorithm a token claims for itself.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jwt

from reference_services.runtime.clock import NS_PER_S, unix_ns
from reference_services.runtime.errors import ServiceError
from reference_services.runtime.files import WatchedFile
from reference_services.runtime.settings import SecretFile

_ALGORITHM = "HS256"
_CLAIMS = ["exp", "sub", "tier"]
_TOKENS_REMEMBERED_MAX = 10_000
# What may stand in a header to an upstream: printable ASCII without spaces.
_NAME = re.compile(r"[\x21-\x7e]{1,128}")
_BEARER = b"bearer "


class Identity(NamedTuple):
    """Whom a request comes from."""

    user: str
    tier: str


class Unauthenticated(ServiceError):
    """A request does not prove whose it is; ``code`` says what is wrong with its credentials."""

    status = 401

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class TierUnknown(ServiceError):
    """A known user has a tier that the gateway has no limit for."""

    status, code = 403, "tier_unknown"


class Authenticator:
    """Tells whose request it is, from its headers."""

    def __init__(self, api_keys_file: Path, jwt_secret: SecretFile) -> None:
        """Read the keys.

        Raises:
            OSError:    ``api_keys_file`` cannot be read.
            ValueError: it does not hold what it has to.
        """
        self._keys = WatchedFile(api_keys_file, parse_api_keys)
        self._secret = jwt_secret
        self._verified: dict[bytes, tuple[Identity, int]] = {}
        self._verified_with = ""

    def identify(self, api_key: bytes | None, authorization: bytes | None) -> Identity:
        """Return whom the request with these headers comes from; a key counts before a token.

        Raises:
            Unauthenticated: the headers prove nothing.
        """
        if api_key is not None:
            identity = self._keys.value().get(hashlib.sha256(api_key).hexdigest())
            if identity is None:
                raise Unauthenticated("api_key_unknown", "no user has this API key")
            return identity
        if authorization is None:
            raise Unauthenticated("credentials_missing", "send X-API-Key or a bearer token")
        if authorization[: len(_BEARER)].lower() != _BEARER:
            raise Unauthenticated("credentials_missing", "Authorization is not a bearer token")
        return self._identify_by_token(authorization[len(_BEARER) :].strip())

    def _identify_by_token(self, token: bytes) -> Identity:
        secret = self._secret.reveal()
        if secret != self._verified_with:
            self._verified.clear()
            self._verified_with = secret
        digest = hashlib.sha256(token).digest()
        identity, expires_ns = self._verified.get(digest, (None, 0))
        if identity is not None and unix_ns() < expires_ns:
            return identity
        identity, expires_ns = _verify(token, secret)
        if len(self._verified) >= _TOKENS_REMEMBERED_MAX:
            del self._verified[next(iter(self._verified))]
        self._verified[digest] = identity, expires_ns
        return identity


def parse_api_keys(text: str) -> Mapping[str, Identity]:
    """Return who has which key, by the key's SHA-256 in hex.

    Raises:
        ValueError: the text is not ``{"<sha256>": {"user": ..., "tier": ...}}``; says where.
    """
    entries = json.loads(text)
    if not isinstance(entries, dict):
        raise ValueError("the API keys must be a JSON object")  # noqa: TRY004  # as the rest of it
    keys = {}
    for digest, owner in entries.items():
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ValueError(f"{digest[:8]}... is not a SHA-256 in lower-case hex")
        if not isinstance(owner, dict) or not _is_name(owner.get("user"), owner.get("tier")):
            raise ValueError(f"{digest[:8]}... must have a user and a tier")
        keys[digest] = Identity(owner["user"], owner["tier"])
    return keys


def _verify(token: bytes, secret: str) -> tuple[Identity, int]:
    """Return whom ``token`` speaks for, and until when, in nanoseconds since 1970."""
    try:
        claims = jwt.decode(
            token, secret, algorithms=[_ALGORITHM], leeway=0, options={"require": _CLAIMS}
        )
    except jwt.ExpiredSignatureError as error:
        raise Unauthenticated("token_expired", "the token has expired") from error
    except jwt.InvalidTokenError as error:
        raise Unauthenticated("token_invalid", "the token is not valid here") from error
    if not _is_name(claims["sub"], claims["tier"]):
        raise Unauthenticated("token_invalid", "the token names no user or no tier")
    return Identity(claims["sub"], claims["tier"]), int(claims["exp"]) * NS_PER_S


def _is_name(*values: object) -> bool:
    return all(isinstance(value, str) and _NAME.fullmatch(value) for value in values)
