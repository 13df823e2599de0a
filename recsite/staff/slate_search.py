"""Slates of the log by what a form asks for, the newest first, without ever reading all of it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Count, Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from catalog.models import Reader, ReaderMerge
from feedback.models import Interaction, Slate, View
from feedback.surfaces import Surface
from feedback.uuid7 import first_uuid7, time_of_uuid7

PAGE = 50
LOOKED_THROUGH = 3_000
"""Slates that one page looks through for those that a filter wants and no index knows."""

SURFACES = [surface for surface in Surface if surface is not Surface.DIRECT]


class SearchError(ValueError):
    """A filter that says nothing. Its text is a sentence for whoever filled in the form."""


@dataclass(frozen=True)
class SlateSearch:
    """release: 0 for slates that no release made.  before: only older ones."""

    reader: uuid.UUID | None = None
    release: int | None = None
    surface: str = ""
    fallback: bool = False
    explored: bool = False
    day: date | None = None
    before: uuid.UUID | None = None

    @property
    def is_filtered(self) -> bool:
        """By anything that no index knows."""
        return bool(self.release is not None or self.surface or self.fallback or self.explored)


@dataclass(frozen=True, eq=False)
class FoundSlates:
    """older: where to go on, None at the end.  looked_back_to: the oldest that was looked at where not all were."""

    slates: Sequence[Slate]
    older: uuid.UUID | None
    looked_back_to: datetime | None = None


def search_asked(query: QueryDict) -> SlateSearch:
    """Raises SearchError."""
    return SlateSearch(
        reader=_uuid(query.get("reader", ""), "a reader's id"),
        release=_number(query.get("release", "")),
        surface=_surface(query.get("surface", "")),
        fallback=bool(query.get("fallback")),
        explored=bool(query.get("explored")),
        day=_day(query.get("day", "")),
        before=_uuid(query.get("before", ""), "a slate's id"),
    )


def find_slates(search: SlateSearch) -> FoundSlates:
    """A page of them. A filter looks through a bounded number of slates; going on leads further back."""
    reachable = _reachable(search).order_by("-pk")
    if not search.is_filtered:
        return _page(list(reachable[: PAGE + 1]))
    end = list(reachable.values_list("pk", flat=True)[LOOKED_THROUGH - 1 : LOOKED_THROUGH])
    if end:
        reachable = reachable.filter(pk__gte=end[0])
    found = _page(list(reachable.filter(_wanted(search))[: PAGE + 1]))
    if found.older is None and end:
        return FoundSlates(found.slates, end[0], time_of_uuid7(end[0]))
    return found


def seen_and_opened(slates: Collection[Slate]) -> dict[uuid.UUID, tuple[int, int]]:
    """Of each slate, how many of its slots were seen, and how many opened for good."""
    if not slates:
        return {}
    ids = sorted(slate.pk for slate in slates)
    views = View.objects.filter(slate_id__in=ids, slate_id__gte=ids[0], slate_id__lte=ids[-1])
    seen = dict(views.values_list("slate_id").annotate(slots=Count("position")))
    # There is an index of visits, and none of slates.
    clicks = Interaction.objects.standing().filter(
        visit_id__in={slate.visit_id for slate in slates}, slate_id__in=ids, kind=Interaction.Kind.CLICK
    )
    opened = dict(clicks.values_list("slate_id").annotate(slots=Count("position", distinct=True)))
    return {pk: (seen.get(pk, 0), opened.get(pk, 0)) for pk in ids}


def _reachable(search: SlateSearch) -> QuerySet[Slate]:
    """By what indexes know: ids, which hold the time, and readers."""
    slates = Slate.objects.all()
    if search.reader is not None:
        slates = slates.filter(reader_public_id__in=_ids_of(search.reader))
    if search.day is not None:
        start = datetime.combine(search.day, time(), timezone.get_current_timezone())
        end = datetime.combine(search.day + timedelta(days=1), time(), timezone.get_current_timezone())
        slates = slates.filter(pk__gte=first_uuid7(start.astimezone(UTC)), pk__lt=first_uuid7(end.astimezone(UTC)))
    if search.before is not None:
        slates = slates.filter(pk__lt=search.before)
    return slates


def _wanted(search: SlateSearch) -> Q:
    wanted = Q()
    if search.release is not None:
        wanted &= Q(release=search.release) if search.release else Q(release=None)
    if search.surface:
        wanted &= Q(surface=search.surface)
    if search.fallback:
        wanted &= Q(fallback__isnull=False)
    if search.explored:
        wanted &= Q(branches__overlap=[int(Slate.Branch.POOL), int(Slate.Branch.OUTSIDE)])
    return wanted


def _page(found: list[Slate]) -> FoundSlates:
    shown = found[:PAGE]
    return FoundSlates(shown, shown[-1].pk if len(found) > PAGE else None)


def _ids_of(public_id: uuid.UUID) -> list[uuid.UUID]:
    """Of the reader, with those under which they were shown slates before they became this one."""
    row = Reader.objects.filter(public_id=public_id).first()
    merged = ReaderMerge.objects.filter(reader=row).values_list("old_public_id", flat=True) if row else ()
    return [public_id, *merged]


def _uuid(text: str, what: str) -> uuid.UUID | None:
    if not (text := text.strip()):
        return None
    try:
        return uuid.UUID(text)
    except ValueError as wrong:
        raise SearchError(f"“{text[:60]}” is not {what}.") from wrong


def _number(text: str) -> int | None:
    if not (text := text.strip()):
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise SearchError(f"“{text[:60]}” is not the number of a release. Use 0 for slates that none made.")
    return int(text)


def _surface(text: str) -> str:
    if text and text not in SURFACES:
        raise SearchError(f"“{text[:60]}” is not a surface. There are {', '.join(SURFACES)}.")
    return text


def _day(text: str) -> date | None:
    if not (text := text.strip()):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as wrong:
        raise SearchError(f"“{text[:60]}” is not a day. Write it as 2026-03-01.") from wrong
    if not 1970 < day.year < 9_999:
        raise SearchError(f"{day} is out of reach.")
    return day
