"""Whom staff look at: found by what they are called, and as serving would know them."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Q

from catalog.models import Item, Reader, ReaderMerge
from feedback.models import Slate
from feedback.surfaces import Surface
from recsite.identity import find_reader
from recsite.slates import PERSONALISATION_OFF

MOST_FOUND = 50
LATELY = 20
"""Among so many of their last slates the last home page is looked for."""

_HEX_OF_AN_ID = 32
_PART_OF_AN_ID = re.compile(r"[0-9a-f]{6,32}")


@dataclass(frozen=True)
class Subject:
    """row: None for a cookie that has shown no person yet.

    languages, columns: what their next page would be asked with: their own choice, or what their browser said with the
    last home page; empty and None where nothing is known.
    asked_without: their last home page was made without personalisation, as where a browser sends Sec-GPC.
    """

    public_id: uuid.UUID
    row: Reader | None
    languages: frozenset[str]
    columns: int | None
    has_slates: bool
    asked_without: bool = False

    @property
    def personalised(self) -> bool:
        return (self.row is None or self.row.personalised) and not self.asked_without


class MergedInto(Exception):
    """The id is of a reader who became another one."""

    def __init__(self, public_id: uuid.UUID) -> None:
        super().__init__(f"They are reader {public_id} now.")
        self.public_id = public_id


def subject_of(public_id: uuid.UUID) -> Subject | None:
    """None for an id that nobody has, and that was never shown anything. Raises MergedInto."""
    row = find_reader(public_id)
    if row is not None and row.public_id != public_id:
        raise MergedInto(row.public_id)
    lately = list(
        Slate.objects.filter(reader_public_id=public_id)
        .order_by("-id")
        .values_list("surface", "columns", "policy_parameters", "fallback")[:LATELY]
    )
    if row is None and not lately:
        return None
    home = [of for surface, *of in lately if surface == Surface.HOME]
    columns, parameters, fallback = home[0] if home else (None, {}, None)
    chosen = row.languages if row is not None and row.languages else parameters.get("languages", ())
    languages = frozenset(chosen).intersection(Item.objects.languages())
    return Subject(public_id, row, languages, columns, bool(lately), fallback == PERSONALISATION_OFF)


def readers_named(name: str) -> list[Reader]:
    """Who is called this: by public id (also of a reader who was merged into them), external id, e-mail or user name.

    Where nobody is called exactly this, those whose ids or e-mail begin with it; at most `MOST_FOUND`.
    """
    exactly = _exactly(name)
    return exactly or _beginning(name)


def newest_readers() -> list[Reader]:
    return list(Reader.objects.select_related("user").order_by("-pk")[:MOST_FOUND])


def is_shown_to(public_id: uuid.UUID) -> bool:
    """Whether anything was ever shown to this id."""
    return Slate.objects.filter(reader_public_id=public_id).exists()


def id_in(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _exactly(name: str) -> list[Reader]:
    """Each way is asked for on its own: one condition with OR would read every reader."""
    found = _by(Q(external_id=name)) | _of_users(Q(email__iexact=name) | Q(username__iexact=name))
    public_id = id_in(name)
    if public_id is not None:
        found |= _by(Q(public_id=public_id))
        found |= set(ReaderMerge.objects.filter(old_public_id=public_id).values_list("reader", flat=True))
    return _rows(found)


def _beginning(name: str) -> list[Reader]:
    found = _by(Q(external_id__startswith=name)) | _of_users(Q(email__istartswith=name))
    digits = name.lower().replace("-", "")
    if _PART_OF_AN_ID.fullmatch(digits):
        first, last = (uuid.UUID(digits.ljust(_HEX_OF_AN_ID, filler)) for filler in "0f")
        found |= _by(Q(public_id__range=(first, last)))
    return _rows(found)


def _by(wanted: Q) -> set[int]:
    return set(Reader.objects.filter(wanted).order_by("-pk").values_list("pk", flat=True)[:MOST_FOUND])


def _of_users(wanted: Q) -> set[int]:
    users = list(User.objects.filter(wanted).values_list("pk", flat=True)[:MOST_FOUND])
    return set(Reader.objects.filter(user__in=users).values_list("pk", flat=True))


def _rows(found: set[int]) -> list[Reader]:
    return list(Reader.objects.filter(pk__in=found).select_related("user").order_by("-pk")[:MOST_FOUND])
