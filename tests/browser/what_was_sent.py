"""What two readers sent, and what the log holds of them, in words that do not depend on who they are.

Tokens, ids and times differ from reader to reader. A token is told by the slot that it stands for.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from psycopg import sql

from tests.browser.recording_proxy import Recorder, Sent
from tests.browser.reporting.still_page import EVENTS
from tests.browser.site import Site

_PAGES = re.compile(r"/|/welcome/|/items/[^/]+/(react/)?|/search/")
_SLOT = struct.Struct(">BBBH16s16s8sq")
"""The head of a token: format, surface, bucket, position, slate, visit, reader tag, item."""
_TOKEN = re.compile(r"AQ[\w-]{90}")

_SLATES = sql.SQL(
    "SELECT surface, columns, first_position, policy, fallback, excluded, items FROM feedback_slate"
    " WHERE reader_public_id = %s ORDER BY id"
)
_VIEWS = sql.SQL(
    "SELECT slate.surface, slate.first_position, view.position, view.item_id FROM feedback_view AS view"
    " JOIN feedback_slate AS slate ON slate.id = view.slate_id WHERE slate.reader_public_id = %s ORDER BY 1, 2, 3, 4"
)
_ACTS = sql.SQL(
    "SELECT act.kind, act.surface, act.position, act.item_id, act.topic_id, act.query, act.slate_id IS NULL,"
    " act.visit_id IS NULL, act.event_id IS NULL, act.undone_at IS NULL, act.excluded, act.dwell_ms"
    " FROM feedback_interaction AS act JOIN catalog_reader AS reader ON reader.id = act.reader_id"
    " WHERE reader.public_id = %s ORDER BY act.kind, act.id"
)


@dataclass(frozen=True)
class Slot:
    """What a token stands for. surface: its number in the token."""

    surface: int
    position: int
    item: int


@dataclass(frozen=True)
class Event:
    """As it was reported. fields: names, in their order.  about: of a token its slot, else the item."""

    kind: str
    fields: tuple[str, ...]
    about: Slot | int
    id: str
    value: int
    age_ms: int

    @property
    def told(self) -> tuple[str, tuple[str, ...], Slot | int]:
        return self.kind, self.fields, self.about


def reports(recorder: Recorder) -> list[list[Event]]:
    """Batch by batch, in the order of their coming. What happened in one moment has no order: Chromium's storage
    gives it by random ids."""
    bodies = [json.loads(one.body)["events"] for one in recorder.sent if one.path == EVENTS]
    return [sorted(map(_event, events), key=lambda event: (-event.age_ms, repr(event.told))) for events in bodies]


def requests(recorder: Recorder) -> list[dict[str, Any]]:
    """Pages, parts and forms, without pictures, scripts and suggestions; of the headers, those that the site reads."""
    return [_request(one, recorder.address) for one in recorder.sent if _PAGES.fullmatch(one.path)]


def report_headers(recorder: Recorder) -> set[tuple[str, ...]]:
    return {
        (
            *(one.headers.get(name, "").removeprefix(recorder.address) for name in ("content-type", "origin")),
            one.headers.get("sec-fetch-site", ""),
            *_cookies(one),
        )
        for one in recorder.sent
        if one.path == EVENTS
    }


def reader_of(recorder: Recorder) -> str:
    """The public id in the reader's cookie."""
    cookies = SimpleCookie(recorder.sent[-1].headers["cookie"])
    return cookies["reader"].value.split(":")[0]


def slates(site: Site, reader: str) -> list[tuple[object, ...]]:
    return site.query(_SLATES, reader)


def views(site: Site, reader: str) -> list[tuple[object, ...]]:
    return site.query(_VIEWS, reader)


def acts(site: Site, reader: str) -> list[tuple[object, ...]]:
    """By kind, in their order."""
    return site.query(_ACTS, reader)


def _event(event: dict[str, Any]) -> Event:
    about = _slot(event["token"]) if "token" in event else int(event["item"])
    return Event(event["kind"], tuple(event), about, event["id"], event.get("value", 0), event["age_ms"])


def _slot(token: str) -> Slot:
    _, surface, _, position, *_, item = _SLOT.unpack(base64.urlsafe_b64decode(token)[: _SLOT.size])
    return Slot(surface, position, item)


def _request(one: Sent, address: str) -> dict[str, Any]:
    url = urlsplit(one.target)
    asked = {
        "method": one.method,
        "path": url.path,
        "query": _pairs(url.query),
        "form": _pairs(one.body),
        "cookies": list(_cookies(one)),
    }
    names = ["hx-request", "hx-current-url", "accept-language"]
    if one.method == "POST":
        names += ["origin", "content-type"]
    return asked | {name: one.headers.get(name, "").removeprefix(address) for name in names}


def _pairs(text: str) -> list[tuple[str, object]]:
    return [(name, _meaning(name, value)) for name, value in parse_qsl(text, keep_blank_values=True)]


def _meaning(name: str, value: str) -> object:
    if name == "csrfmiddlewaretoken":
        return bool(value)
    if name == "cursor":
        return value.partition(":")[0]  # what follows is when it was signed
    return _TOKEN.sub(lambda found: repr(_slot(found[0])), value)


def _cookies(one: Sent) -> Iterator[str]:
    """Their names; of the columns the number too."""
    cookies = SimpleCookie(one.headers.get("cookie", ""))
    for name in sorted(cookies):
        yield f"{name}={cookies[name].value}" if name == "columns" else name
