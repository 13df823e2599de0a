"""The simulated clock: the header that tells the site when it is, signed as the site signs it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Protocol

HEADER = "X-Simulated-Now"


class ClockKeyError(ValueError):
    """The key of the clock is not one."""


class SignedClock:
    """Signs moments with a key that is good for this alone: SHA-256 of the salt, "signer" and the site's SECRET_KEY, as
    Django's `Signer` derives it."""

    def __init__(self, key: str) -> None:
        """key: 64 hexadecimal digits. Raises ClockKeyError."""
        try:
            self._key = bytes.fromhex(key)
        except ValueError as error:
            raise ClockKeyError(f"the clock's key must be hexadecimal digits: {error}") from error
        if len(self._key) != hashlib.sha256().digest_size:
            raise ClockKeyError(f"the clock's key must have 64 hexadecimal digits, not {len(key)}.")

    def headers(self, moment: datetime) -> dict[str, str]:
        text = moment.astimezone(UTC).isoformat()
        digest = hmac.new(self._key, text.encode(), hashlib.sha256).digest()
        return {HEADER: f"{text}:{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"}


class NoClock:
    """For readers who live in real time."""

    def headers(self, _moment: datetime) -> dict[str, str]:
        return {}


class Clock(Protocol):
    """Anything that tells a site when it is."""

    def headers(self, moment: datetime, /) -> dict[str, str]: ...
