"""Who calls: a browser, known by its cookie, or a server, known by its key, that speaks for a reader it names."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from functools import cached_property
from typing import cast

from django.conf import settings
from django.http import HttpRequest
from django.utils.http import is_same_domain
from ninja.security import HttpBearer

from catalog.importers.records import RowError
from catalog.importers.rows import external_id_of
from catalog.models import Reader
from feedback.event_forms import Refused, Sender
from feedback.readers import all_public_ids
from feedback.surfaces import Excluded
from recsite.api.problems import ApiProblem
from recsite.audience import excluded_reason
from recsite.models.api_keys import ApiKey, hash_of_key
from recsite.requests import SiteRequest
from recsite.viewers import Viewer, viewer_of
from recsite.visits import current_visit


class ServerKey(HttpBearer):
    """Authentication of calls that only servers may make."""

    def __call__(self, request: HttpRequest) -> ApiKey:
        key = server_key(cast(SiteRequest, request))
        if key is None:
            raise _unauthorized("needs_key", "This call needs an API key: send the header Authorization: Bearer KEY.")
        return key

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey:
        """The key of a request that has one. Raises ApiProblem 401."""
        key = ApiKey.objects.filter(hash=hash_of_key(token)).first()
        if key is None:
            raise _unauthorized("unknown_key", "No such API key. Make one with: manage.py api_key create NAME.")
        if key.revoked_at is not None:
            raise _unauthorized(
                "revoked_key", f"The API key {key.prefix}… was revoked. Make another: manage.py api_key create NAME."
            )
        key.note_use(now=cast(SiteRequest, request).now)
        return key


SERVER_KEY = ServerKey()


def server_key(request: SiteRequest) -> ApiKey | None:
    """The key that the request brought, or None if it brought none. Raises ApiProblem 401 for one that is no good."""
    header = request.headers.get("Authorization", "")
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _unauthorized("unknown_key", "The header must be: Authorization: Bearer KEY.")
    return SERVER_KEY.authenticate(request, token.strip())


def _unauthorized(reason: str, detail: str) -> ApiProblem:
    return ApiProblem(401, reason, detail, headers={"WWW-Authenticate": "Bearer"})


class Caller:
    """The reader for whom a call is made. Nothing is looked up, and no row made, until somebody asks."""

    is_server = False

    def __init__(self, request: SiteRequest) -> None:
        self._request = request

    @property
    def row(self) -> Reader | None:
        """The reader's row, or None before the first proof of a person."""
        return self._request.reader.row

    @property
    def public_id(self) -> uuid.UUID:
        return self._request.reader.public_id

    def viewer(self, *, offered_languages: list[str]) -> Viewer:
        """Whom a slate goes to."""
        return viewer_of(self._request, languages=self._request.reader.languages(offered_languages))

    @property
    def limited_as(self) -> str:
        """Whose events are counted together: the reader's, or the address's while there is no cookie."""
        if self._request.reader.brought_proof:
            return self.public_id.hex
        return f"address {self._request.client_address}"

    def sender(self) -> Sender:
        """Who reports, for `accept_events`. A page of ours that has our cookie may leave tokens out.

        A report is a sign of life: the visit goes on.
        """
        brought_proof = self._request.reader.brought_proof
        may_omit_token = brought_proof and is_from_our_own_page(self._request)
        return Sender(
            reader=lambda: self._request.reader.prove(now=self._request.now),
            public_ids=self._public_ids,
            may_omit_token=may_omit_token,
            visit_id=current_visit(self.public_id, now=self._request.now) if brought_proof else None,
            excluded=excluded_reason(self._request),
        )

    def _public_ids(self) -> Iterable[uuid.UUID]:
        """Raises Refused without our cookie: then nobody is there for whom a token could have been made."""
        if not self._request.reader.brought_proof:
            raise Refused("no_cookie")
        return all_public_ids(self.public_id, self.row)


class ServerCaller(Caller):
    """A server that speaks for the reader whom it calls `external_id`."""

    is_server = True

    def __init__(self, request: SiteRequest, external_id: str) -> None:
        super().__init__(request)
        self._external_id = external_id

    @cached_property
    def row(self) -> Reader:
        """Made on first use."""
        reader, _ = Reader.objects.get_or_create(
            external_id=self._external_id, defaults={"created_at": self._request.now}
        )
        return reader

    @property
    def public_id(self) -> uuid.UUID:
        return self.row.public_id

    def viewer(self, *, offered_languages: list[str]) -> Viewer:
        return Viewer(
            public_id=self.public_id,
            reader=self.row,
            languages=frozenset(self.row.languages).intersection(offered_languages),
            personalised=self.row.personalised,
            excluded=self._excluded,
        )

    @property
    def _excluded(self) -> str | None:
        return None if self.row.personalised else Excluded.PERSONALISATION_OFF

    def sender(self) -> Sender:
        return Sender(
            reader=lambda: self.row,
            public_ids=lambda: all_public_ids(self.public_id, self.row),
            may_omit_token=True,
            is_server=True,
            visit_id=current_visit(self.public_id, now=self._request.now),
            excluded=self._excluded,
        )


def caller_of(request: SiteRequest, reader: str | None) -> Caller:
    """Who calls; `reader` is what the address says. Raises ApiProblem: 401, 403 or 422."""
    key = server_key(request)
    if key is None:
        if reader is not None:
            raise ApiProblem(
                403,
                "reader_needs_key",
                "Only a server may name a reader. Send Authorization: Bearer KEY, or leave out reader=.",
            )
        return Caller(request)
    if reader is None:
        raise ApiProblem(
            422, "needs_reader", "With an API key, say for whom you call: reader=EXTERNAL_ID in the address."
        )
    try:
        return ServerCaller(request, external_id_of(reader))
    except RowError as error:
        raise ApiProblem(422, "bad_reader", f"reader= is no external id: {error}.") from error


def is_from_our_own_page(request: HttpRequest) -> bool:
    """The browser says that a page of this site sent it. Scripts of other sites cannot make it say so."""
    if request.headers.get("Sec-Fetch-Site") == "same-origin":
        return True
    origin = request.headers.get("Origin", "")
    return origin == f"{request.scheme}://{request.get_host()}" or _is_trusted(origin)


def _is_trusted(origin: str) -> bool:
    """Named by CSRF_TRUSTED_ORIGINS, where `https://*.example.com` stands for every host below."""
    scheme, _, host = origin.partition("://")
    return any(
        origin == trusted or (trusted.startswith(f"{scheme}://*.") and is_same_domain(host, trusted.partition("*")[2]))
        for trusted in settings.CSRF_TRUSTED_ORIGINS
    )
