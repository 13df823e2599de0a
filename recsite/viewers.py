"""Whom a slate is sent to."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from catalog.models import Reader
from recsite.audience import excluded_reason
from recsite.requests import SiteRequest

COLUMNS_COOKIE = "columns"
COLUMNS_MAX = 12


@dataclass(frozen=True)
class Viewer:
    """public_id: of the reader, who need not have a row. excluded: why nothing of it teaches, one of `Excluded`.

    columns: cards side by side on their screen, if the browser said.
    """

    public_id: uuid.UUID
    reader: Reader | None
    languages: frozenset[str]
    personalised: bool = True
    excluded: str | None = None
    columns: int | None = None


def viewer_of(request: SiteRequest, *, languages: frozenset[str]) -> Viewer:
    """Whoever's browser sent the request."""
    return Viewer(
        public_id=request.reader.public_id,
        reader=request.reader.row,
        languages=languages,
        personalised=request.reader.personalised,
        excluded=excluded_reason(request),
        columns=_columns(request.COOKIES.get(COLUMNS_COOKIE, "")),
    )


def _columns(value: str) -> int | None:
    if not (value.isascii() and value.isdigit() and len(value) <= len(str(COLUMNS_MAX))):
        return None
    return int(value) if 0 < int(value) <= COLUMNS_MAX else None
