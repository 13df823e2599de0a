"""The only reader of time. Everything below takes `now` as an argument, so that a test or a simulation can say when
it is."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.utils import timezone

HEADER = "X-Simulated-Now"
SALT = "recsite.clock"


class ClockHeaderError(ValueError):
    """The simulated-clock header is not one that we signed, or holds no time."""


def now(request: HttpRequest | None = None) -> datetime:
    """The present moment, UTC, aware.

    With SIMULATION on, a request may carry its own time in a header signed with SECRET_KEY.
    Raises ClockHeaderError when that header is forged or holds no ISO 8601 time.
    """
    if request is not None and settings.SIMULATION:
        header = request.headers.get(HEADER)
        if header is not None:
            return _read(header)
    return timezone.now()


def sign(moment: datetime) -> str:
    """The header value that sets the clock to `moment`."""
    return signing.Signer(salt=SALT).sign(moment.astimezone(UTC).isoformat())


def _read(header: str) -> datetime:
    try:
        moment = datetime.fromisoformat(signing.Signer(salt=SALT).unsign(header))
    except (signing.BadSignature, ValueError) as error:
        raise ClockHeaderError(f"{HEADER} is not a time signed by this site: {error}") from error
    return moment.astimezone(UTC)
