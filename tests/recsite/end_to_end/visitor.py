"""A reader's browser: pages, clicks and reports over HTTP, at the moment that a test says."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from django.conf import settings
from django.core.signing import get_cookie_signer

from catalog.models import Item, Reader
from feedback.kinds import READ_MS
from feedback.models import Slate
from feedback.tokens import read_token
from recsite import clock, identity
from tests.recsite.faults.web import Web

_CARD = re.compile(r'data-item="(\d+)"\s+data-token="([^"]+)"')


@dataclass
class Visitor:
    web: Web
    reader: Reader
    browser: httpx.Client
    _tokens: dict[int, str]

    def page(self, now: datetime) -> Slate:
        """The front page, as the log has it."""
        self._tokens = {int(item): token for item, token in _CARD.findall(self._get("/", now).text)}
        tokens = [read_token(token, now=now) for token in self._tokens.values()]
        slate = Slate.objects.get(pk=tokens[0].slate_id)
        assert [token.item_id for token in tokens] == slate.items
        return slate

    def see(self, slate: Slate, now: datetime) -> None:
        """Every card."""
        self._report([{"kind": "view", "token": self._tokens[item]} for item in slate.items], now)

    def read(self, slate: Slate, place: int, now: datetime) -> None:
        """Open a card's item, read it, like it."""
        item = Item.objects.get(pk=slate.items[place])
        token = self._tokens[item.pk]
        self._get(f"{item.get_absolute_url()}?s={token}", now)
        dwell = {"kind": "dwell", "token": token, "value": 2 * READ_MS}
        self._report([dwell, {"kind": "like", "token": token}], now)

    def like(self, items: Iterable[Item], now: datetime) -> None:
        """Where somebody told of them, and no feed."""
        self._report([{"kind": "like", "item": item.pk} for item in items], now)

    def _get(self, path: str, now: datetime) -> httpx.Response:
        answer = self.web.get(path, now=now, client=self.browser)
        assert answer.status_code == httpx.codes.OK, self.web.log()
        return answer

    def _report(self, events: list[dict[str, Any]], now: datetime) -> None:
        told = [{"id": str(uuid.uuid4()), "age_ms": 0, **event} for event in events]
        headers = {clock.HEADER: clock.sign(now), "Origin": self.web.address}
        answer = self.browser.post("/api/v1/events", json={"events": told}, headers=headers)
        assert [result["status"] for result in answer.json()["results"]] == ["accepted"] * len(events), answer.text


@contextmanager
def visiting(web: Web, reader: Reader) -> Iterator[Visitor]:
    """The browser of this reader, who was here before."""
    signer = get_cookie_signer(salt=settings.READER_COOKIE + identity.SALT)
    with web.client() as browser:
        browser.cookies.set(settings.READER_COOKIE, signer.sign(reader.public_id.hex))
        yield Visitor(web, reader, browser, {})
