"""The form of a report: everything about an event that can be judged without the database."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from catalog.models import Reader
from feedback import kinds
from feedback.kinds import Kind
from feedback.tokens import GOOD_FOR, Token, TokenError, accepted_tags, read_token

VIEW = "view"
"""Not an interaction: what was seen has its own, narrower table."""

AHEAD = timedelta(minutes=5)
"""How far a client's clock may run before ours."""
DWELL_MAX_MS = 6 * 3600 * 1000
QUERY_MAX_CHARS = 200
_AGE_MAX_MS = 100 * 365 * 24 * 3600 * 1000
_ITEM_ID_MAX = 2**63 - 1

_UNCLEAN = re.compile("[\0\ud800-\udfff]")

REASONS = {
    "not_an_object": "An event is a JSON object.",
    "bad_id": "`id` must be a UUID that the client made for this event.",
    "bad_kind": "`kind` is not one that this site knows.",
    "bad_token": "`token` must be a text.",
    "token_forged": "The token is not one that this site made.",
    "token_expired": "The token is older than 48 hours.",
    "token_foreign": "The token was made for another reader.",
    "no_cookie": "The report did not bring back the cookie that a page of this site sets.",
    "needs_token": "A view needs the token of its card.",
    "needs_proof": "Without a token the event must come from a page of this site, or with an API key.",
    "bad_item": "`item` must be the number of an item.",
    "unknown_item": "There is no such item.",
    "unknown_target": "There is no such topic or author.",
    "bad_time": "Give either `age_ms`, a whole number from 0, or `at`, a time with its zone in ISO 8601.",
    "in_future": "`at` lies more than five minutes in the future.",
    "too_old": "The event is older than 48 hours.",
    "bad_value": "`value` does not fit the kind.",
    "cannot_undo": "This kind cannot be taken back.",
    "nothing_to_undo": "Nothing of this kind stands.",
}


@dataclass(frozen=True)
class Sender:
    """Who reports.

    reader: the row, made when first asked for: once an event of theirs is good.
    public_ids: every id under which tokens were made for them, those of merged readers too.
    may_omit_token: they proved to be a page of ours, or a server. is_server: events may be of any age.
    visit_id: the visit to which events without a token belong.
    """

    reader: Callable[[], Reader]
    public_ids: Callable[[], Iterable[uuid.UUID]]
    may_omit_token: bool
    is_server: bool = False
    visit_id: uuid.UUID | None = None
    excluded: str | None = None


class Refused(ValueError):
    """`reason` is a key of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason


Named = tuple[str, int | str]
"""("item", id), ("topic", slug) or ("author", slug)."""


class Event(NamedTuple):
    """A report whose form is right. id: a UUID as the client wrote it. about: None for a search."""

    id: str
    kind: str
    happened_at: datetime
    token: Token | None
    about: Named | None
    dwell_ms: int | None
    query: str | None
    undo: bool

    @property
    def key(self) -> uuid.UUID:
        """Made when asked for: most events are views, whose ids are not kept."""
        return uuid.UUID(self.id)


class EventReader:
    """Judges the events of one report."""

    def __init__(self, sender: Sender, now: datetime) -> None:
        self._sender = sender
        self._now = now
        self._latest = now + AHEAD
        self._tags: set[bytes] = set()
        self._other_ids: Iterator[uuid.UUID] | None = None

    def judge(self, raw: object) -> Event | Refused:
        try:
            return self._parse(raw)
        except Refused as refused:
            return refused

    def _parse(self, raw: object) -> Event:
        if not isinstance(raw, dict):
            raise Refused("not_an_object")
        event_id = _event_id(raw.get("id"))
        kind = raw.get("kind")
        if not isinstance(kind, str) or (kind != VIEW and kind not in _KINDS):
            raise Refused("bad_kind")
        undo = raw.get("undo", False)
        if not isinstance(undo, bool):
            raise Refused("bad_value")
        if undo and kind not in kinds.UNDOABLE:
            raise Refused("cannot_undo")
        token = self._token(raw.get("token"))
        if token is None and kind == VIEW:
            raise Refused("needs_token")
        if token is None and not self._sender.may_omit_token:
            raise Refused("needs_proof")
        return Event(
            id=event_id,
            kind=kind,
            happened_at=self._time(raw, token),
            token=token,
            about=_about(kind, raw, token),
            dwell_ms=_dwell_ms(raw.get("value")) if kind == Kind.DWELL else None,
            query=_query(raw.get("value")) if kind == Kind.SEARCH else None,
            undo=undo,
        )

    def _token(self, given: object) -> Token | None:
        if given is None:
            return None
        if not isinstance(given, str):
            raise Refused("bad_token")
        try:
            token = read_token(given, now=self._now)
        except TokenError as error:
            raise Refused(f"token_{error.reason}") from error
        if not self._is_own(token.reader_tag):
            raise Refused("token_foreign")
        return token

    def _is_own(self, tag: bytes) -> bool:
        """Looks at one id of the sender after the other: those of merged readers are in the database, and seldom
        needed."""
        if self._other_ids is None:
            self._other_ids = iter(self._sender.public_ids())
        while tag not in self._tags:
            public_id = next(self._other_ids, None)
            if public_id is None:
                return False
            self._tags |= accepted_tags(public_id)
        return True

    def _time(self, raw: dict[str, object], token: Token | None) -> datetime:
        """When it happened by the client's word, but never before serving, nor after now."""
        claimed = self._claimed_time(raw)
        if claimed > self._latest:
            raise Refused("in_future")
        if token is None and not self._sender.is_server and claimed < self._now - GOOD_FOR:
            raise Refused("too_old")
        earliest = token.served_at if token else claimed
        return min(max(claimed, earliest), self._now)

    def _claimed_time(self, raw: dict[str, object]) -> datetime:
        age_ms, at = raw.get("age_ms"), raw.get("at")
        if (age_ms is None) == (at is None):
            raise Refused("bad_time")
        try:
            if isinstance(at, str):
                return _with_zone(datetime.fromisoformat(at))
            if isinstance(age_ms, int) and not isinstance(age_ms, bool) and 0 <= age_ms <= _AGE_MAX_MS:
                return self._now - timedelta(milliseconds=age_ms)
        except (ValueError, OverflowError) as error:
            raise Refused("bad_time") from error
        raise Refused("bad_time")


_KINDS = frozenset(str(kind) for kind in Kind)


_UUID = re.compile("[0-9a-f]{8}(-?)[0-9a-f]{4}\\1[0-9a-f]{4}\\1[0-9a-f]{4}\\1[0-9a-f]{12}", re.IGNORECASE)


def _event_id(given: object) -> str:
    if not isinstance(given, str) or not _UUID.fullmatch(given):
        raise Refused("bad_id")
    return given


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise Refused("bad_time")
    return moment.astimezone(UTC)


def _about(kind: str, raw: dict[str, object], token: Token | None) -> Named | None:
    if kind == Kind.SEARCH:
        return None
    if kind == Kind.HIDE_TOPIC:
        return ("topic", _slug(raw.get("value")))
    if kind == Kind.HIDE_AUTHOR:
        return ("author", _slug(raw.get("value")))
    if kind == Kind.FOLLOW:
        what, colon, slug = _text(raw.get("value")).partition(":")
        if what not in {"topic", "author"} or not colon:
            raise Refused("bad_value")
        return (what, _slug(slug))
    if token is not None:
        return ("item", token.item_id)
    item = raw.get("item")
    if not isinstance(item, int) or isinstance(item, bool) or not 0 < item <= _ITEM_ID_MAX:
        raise Refused("bad_item")
    return ("item", item)


def _dwell_ms(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= DWELL_MAX_MS:
        raise Refused("bad_value")
    return value


def _query(value: object) -> str:
    query = " ".join(_text(value).split())
    if not query or len(query) > QUERY_MAX_CHARS:
        raise Refused("bad_value")
    return query


def _slug(value: object) -> str:
    slug = _text(value)
    if not slug or len(slug) > 220:
        raise Refused("bad_value")
    return slug


def _text(value: object) -> str:
    if not isinstance(value, str) or not is_clean(value):
        raise Refused("bad_value")
    return value


def is_clean(text: str) -> bool:
    """PostgreSQL holds neither NUL nor half of a surrogate pair."""
    return _UNCLEAN.search(text) is None
