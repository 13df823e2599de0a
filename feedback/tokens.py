"""The signed token on a card: which slate, which position, which item, and for whom.

What a browser reports stands on its token. It is good for 48 hours, and only in the hands of the reader whom it was
made for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings

from feedback.surfaces import Surface
from feedback.uuid7 import time_of_uuid7

SALT = "feedback.token"
GOOD_FOR = timedelta(hours=48)
_FORMAT = 1
_PAYLOAD = struct.Struct(">BBBH16s16s8sq")
"""format, surface, bucket, position, slate, visit, reader tag, item."""
_SURFACES = list(Surface)
_MAC_BYTES = 16
_FROM_URL_SAFE = bytes.maketrans(b"-_+/", b"+/!!")
"""To the plain alphabet of base64; what that has in their place becomes what it does not have."""
_TEXT_CHARS = 4 * (_PAYLOAD.size + _MAC_BYTES) // 3


class TokenError(ValueError):
    """`reason` is one word for the answer: forged, expired."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The token is {reason}.")
        self.reason = reason


class Token(NamedTuple):
    """position: absolute in the visit's scroll, from 0. reader_tag: 8 bytes, see `reader_tag`."""

    slate_id: uuid.UUID
    visit_id: uuid.UUID
    position: int
    item_id: int
    surface: Surface
    reader_bucket: int
    reader_tag: bytes

    @property
    def served_at(self) -> datetime:
        return _served_at(self.slate_id.int)


def reader_tag(public_id: uuid.UUID) -> bytes:
    """What stands for a reader in a token. Links with tokens get copied; a reader's id must not travel with them."""
    return _mac(settings.SECRET_KEY, public_id.bytes)[:8]


def accepted_tags(public_id: uuid.UUID) -> set[bytes]:
    """The tags of this id, also under keys that were in use before."""
    return {_mac(key, public_id.bytes)[:8] for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)}


def write_tokens(tokens: Iterable[Token]) -> list[str]:
    """Signed texts of 92 characters that are safe in an address."""
    return [_encode(token, settings.SECRET_KEY) for token in tokens]


def read_token(text: str, *, now: datetime) -> Token:
    """The token that `write_tokens` signed. Raises TokenError: `forged`, or `expired` 48 hours after serving."""
    token = _decode(text)
    if now - token.served_at > GOOD_FOR:
        raise TokenError("expired")
    return token


def _encode(token: Token, key: str) -> str:
    payload = _PAYLOAD.pack(
        _FORMAT,
        _SURFACES.index(token.surface),
        token.reader_bucket,
        token.position,
        token.slate_id.bytes,
        token.visit_id.bytes,
        token.reader_tag,
        token.item_id,
    )
    return base64.urlsafe_b64encode(payload + _mac(key, payload)).decode()


def _decode(text: str) -> Token:
    if len(text) != _TEXT_CHARS:
        raise TokenError("forged")
    try:
        signed = binascii.a2b_base64(text.encode("ascii").translate(_FROM_URL_SAFE), strict_mode=True)
    except ValueError as error:
        raise TokenError("forged") from error
    payload, mac = signed[: _PAYLOAD.size], signed[_PAYLOAD.size :]
    if not hmac.compare_digest(mac, _mac(settings.SECRET_KEY, payload)) and not any(
        hmac.compare_digest(mac, _mac(key, payload)) for key in settings.SECRET_KEY_FALLBACKS
    ):
        raise TokenError("forged")
    version, surface, bucket, position, slate, visit, tag, item_id = _PAYLOAD.unpack(payload)
    if version != _FORMAT:
        raise TokenError("expired")
    return Token(_uuid(slate), _uuid(visit), position, item_id, _SURFACES[surface], bucket, tag)


# The tokens of a report nearly all name the same slate and visit.


@lru_cache(maxsize=1024)
def _uuid(value: bytes) -> uuid.UUID:
    return uuid.UUID(bytes=value)


@lru_cache(maxsize=1024)
def _served_at(slate_id: int) -> datetime:
    return time_of_uuid7(uuid.UUID(int=slate_id))  # a number is found sooner than a UUID, which computes its hash


def _mac(key: str, message: bytes) -> bytes:
    """Keyed BLAKE2b of 128 bits (RFC 7693). Django's signer makes a new key at every call, and OpenSSL's HMAC looks its
    digest up: a page has two dozen tokens, a report as many."""
    return hashlib.blake2b(message, key=_derived_key(key), digest_size=_MAC_BYTES).digest()


@lru_cache(maxsize=8)
def _derived_key(key: str) -> bytes:
    """A key of this use alone."""
    return hashlib.sha256(f"{SALT}\0{key}".encode()).digest()
