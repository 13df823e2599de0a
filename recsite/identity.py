"""Who is reading: a signed cookie before there is a row, a row from the first proof of a person on."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import cached_property

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from catalog.languages import primary_subtag
from catalog.models import Reader, ReaderMerge
from recsite.followed import Followed, read_followed

SALT = "recsite.reader"


class UnprovenReader(PermissionError):
    """Somebody who did not bring back our cookie asked for something that needs a reader row."""


class RequestReader:
    """The reader of one request. Touches neither database nor cookie until somebody asks.

    Whoever is signed in is their account's reader. Anybody else is the reader of the signed cookie, unless that one
    has an
    account: then this browser was signed out, and gets a new id.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.asked = False
        self.new_cookie: uuid.UUID | None = None
        self._made: Reader | None = None

    @cached_property
    def _cookie_id(self) -> uuid.UUID | None:
        """The id that the request brought, if we signed it."""
        try:
            value = self._request.get_signed_cookie(
                settings.READER_COOKIE, salt=SALT, max_age=settings.READER_COOKIE_AGE_S
            )
            return uuid.UUID(value)
        except (KeyError, signing.BadSignature, ValueError):
            return None

    @cached_property
    def _found(self) -> Reader | None:
        if self._request.user.is_authenticated:
            return Reader.objects.filter(user=self._request.user).first()
        return self._cookie_row if self._cookie_row and self._cookie_row.user_id is None else None

    @cached_property
    def _cookie_row(self) -> Reader | None:
        """Looked up once: another request of this browser may be making the row while this one runs."""
        return find_reader(self._cookie_id) if self._cookie_id else None

    @property
    def row(self) -> Reader | None:
        """The database row, or None before the first proof of a person."""
        self.asked = True
        return self._made or self._found

    @property
    def is_known(self) -> bool:
        return self.row is not None

    @property
    def brought_proof(self) -> bool:
        """Whether this browser brought back something we gave it, so that it is not a crawler without memory."""
        return self._request.user.is_authenticated or self._cookie_id is not None

    @cached_property
    def public_id(self) -> uuid.UUID:
        """The id of the row, of the cookie, or a new one for the cookie that the answer will set."""
        self.asked = True
        if self.row is not None:
            return self.row.public_id
        belongs_to_an_account = self._cookie_row is not None and self._cookie_row.user_id is not None
        if self._cookie_id is not None and not belongs_to_an_account:
            return self._cookie_id
        self.new_cookie = uuid.uuid4()
        return self.new_cookie

    def prove(self, *, now: datetime) -> Reader:
        """The row, made now if there is none. Raises UnprovenReader for a browser that brought no cookie of ours."""
        if self.row is not None:
            return self.row
        if not self.brought_proof:
            raise UnprovenReader("This needs the cookie that the first page sets. Open the front page and try again.")
        user = self._request.user if self._request.user.is_authenticated else None
        if user is not None:
            self._made, _ = Reader.objects.get_or_create(user=user, defaults={"created_at": now})
        else:
            self._made, _ = Reader.objects.get_or_create(public_id=self.public_id, defaults={"created_at": now})
        return self._made

    def forget(self) -> None:
        """Start again as somebody new: after signing out, nobody at this browser continues the account's history."""
        self.asked = True
        self.new_cookie = uuid.uuid4()
        self.__dict__["public_id"] = self.new_cookie
        self.__dict__["_found"] = None
        self._made = None

    @cached_property
    def _followed(self) -> Followed:
        return read_followed(self.row) if self.row else Followed()

    @property
    def followed_topic_ids(self) -> frozenset[int]:
        return self._followed.topic_ids

    @property
    def followed_author_ids(self) -> frozenset[int]:
        return self._followed.author_ids

    @property
    def asks_for_privacy(self) -> bool:
        """Whether the browser sends Global Privacy Control (https://www.w3.org/TR/gpc/)."""
        return self._request.headers.get("Sec-GPC") == "1"

    @property
    def personalised(self) -> bool:
        """Whether the feed may follow what this reader does: they did not switch that off, here or in their browser."""
        return not self.asks_for_privacy and (self.row is None or self.row.personalised)

    def languages(self, offered: list[str]) -> frozenset[str]:
        """Which of the `offered` codes to show: the reader's choice, else what the browser accepts; empty means all."""
        if self.row is not None and self.row.languages:
            return frozenset(self.row.languages).intersection(offered)
        accepted = accepted_languages(self._request.headers.get("Accept-Language", ""))
        return frozenset(code for code in offered if primary_subtag(code) in accepted)


def accepted_languages(header: str) -> frozenset[str]:
    """Primary subtags of an Accept-Language header: `de-CH,fr;q=0.8` -> {de, fr}; q=0 and `*` name nothing."""
    tags = [[part.strip() for part in tag.split(";")] for tag in header.lower().split(",")[:20]]
    return frozenset(
        primary_subtag(code)
        for code, *parameters in tags
        if code not in {"", "*"} and not {"q=0", "q=0.0"} & {*parameters}
    )


def find_reader(public_id: uuid.UUID) -> Reader | None:
    """The reader with this id, or the one it was merged into."""
    row = Reader.objects.filter(public_id=public_id).first()
    if row is None:
        merge = ReaderMerge.objects.select_related("reader").filter(old_public_id=public_id).first()
        row = merge.reader if merge else None
    return row


def keep_cookie(reader: RequestReader, response: HttpResponse) -> None:
    """Set the reader cookie when a page asked who is reading and the browser has none that fits."""
    if not reader.asked:
        return
    public_id = reader.public_id
    if reader.new_cookie is None:
        return
    response.set_signed_cookie(
        settings.READER_COOKIE,
        public_id.hex,
        salt=SALT,
        max_age=settings.READER_COOKIE_AGE_S,
        httponly=True,
        secure=settings.HTTPS,
        samesite="Lax",
    )
