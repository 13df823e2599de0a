"""The request as our middleware leaves it; for type checkers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

if TYPE_CHECKING:
    from recsite.identity import RequestReader


class SiteRequest(HttpRequest):
    """Set by recsite.middleware: who reads, when it is, and the address that our own proxies vouch for."""

    reader: RequestReader
    now: datetime
    client_address: str
    htmx: HtmxDetails
