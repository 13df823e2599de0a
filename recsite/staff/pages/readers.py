"""Readers: found, seen as serving sees them, and what the funnel makes of them now and under other circumstances."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from catalog.languages import language_name
from catalog.models import Author, Item, Topic
from recsite import slates
from recsite.mix import serve_mix
from recsite.models import Release
from recsite.pages.home import PAGE_SIZE
from recsite.personal_page import NoCandidates
from recsite.pins import board
from recsite.reader_state import ReaderState, read_state
from recsite.releases.live import Serving, shelf
from recsite.requests import SiteRequest
from recsite.staff.access import PERSONAL, staff_page
from recsite.staff.answers import answer
from recsite.staff.charts import Tile
from recsite.staff.funnel_picture import FunnelPicture, picture_of
from recsite.staff.inspection import Inspection, inspect
from recsite.staff.inspection_tables import (
    Titles,
    comparison_table,
    inspection_tables,
    item_url,
    page_table,
    removed_with_lines,
    stages_table,
    titles_for,
)
from recsite.staff.loaded_releases import ReleaseUnavailable, asking, serving_of
from recsite.staff.reader_tables import items_of_state, readers_table, state_tables
from recsite.staff.slopes import Slopes, slopes_of
from recsite.staff.subjects import (
    MOST_FOUND,
    MergedInto,
    Subject,
    id_in,
    is_shown_to,
    newest_readers,
    readers_named,
    subject_of,
)
from recsite.staff.tables import Column, Table, whole, words
from recsite.staff.what_if import (
    ASKED,
    TIME_FORMAT,
    Circumstances,
    Comparison,
    WhatIfError,
    circumstances_asked,
    compare,
    state_under,
)

logger = logging.getLogger(__name__)

RELEASES_OFFERED = 30
LONGEST_NAME = 200


@dataclass(frozen=True)
class ByRules:
    """No release makes the page. why: one of `recsite.slates`, or what went wrong, as a sentence."""

    why: str
    item_ids: tuple[int, ...]
    sources: tuple[str, ...]


# --- finding ---


@staff_page(needs=PERSONAL)
def readers(request: SiteRequest) -> HttpResponse:
    """By `q`; without it the newest."""
    name = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_NAME]
    if not name:
        found, caption = newest_readers(), "The newest readers"
        title = "Find a reader, or look at one of the newest." if found else "Nobody has read here yet."
    else:
        found, caption = readers_named(name), f"Readers called {name}"
        if len(found) == 1:
            return redirect("staff:reader", public_id=found[0].public_id)
        public_id = id_in(name)
        if public_id is not None and not found and is_shown_to(public_id):
            return redirect("staff:reader", public_id=public_id)
        title = f"{_counted(len(found))} readers have a name like this." if found else "No reader has this name."
    empty = (
        "Try the whole public id, the external id, or the e-mail address of an account."
        if name
        else "Readers appear here with the first thing that they do."
    )
    table = readers_table(found, caption=caption, empty=empty)
    return answer(request, "staff/readers.html", {"title": title, "query": name}, tables=[table])


def _counted(found: int) -> str:
    return f"The newest {found}" if found == MOST_FOUND else str(found)


# --- one reader ---


@staff_page(needs=PERSONAL)
def reader(request: SiteRequest, public_id: uuid.UUID) -> HttpResponse:
    """How they stand with serving, and their next page; with the form's parameters, that page under other
    circumstances."""
    try:
        subject = subject_of(public_id)
    except MergedInto as merged:
        return redirect("staff:reader", public_id=merged.public_id)
    if subject is None:
        raise Http404(f"Nothing is known of a reader {public_id}: there is no row of them, and no slate.")
    serving = _live()
    state = _state(subject, request.now)
    made = _page(subject, state, serving, request.now)
    if ASKED in request.GET and serving is not None:
        return _what_if(request, subject, state, serving, made)
    return _as_it_is(request, subject, state, serving, made)


def _as_it_is(
    request: SiteRequest, subject: Subject, state: ReaderState, serving: Serving | None, made: Inspection | ByRules
) -> HttpResponse:
    inspection = made if isinstance(made, Inspection) else None
    by_rules = set(made.item_ids) if isinstance(made, ByRules) else set()
    titles = titles_for([inspection] if inspection else [], items_of_state(state) | by_rules)
    topics = Topic.objects.in_bulk(state.followed_topic_ids | state.hidden_topic_ids)
    authors = Author.objects.in_bulk(state.followed_author_ids | state.hidden_author_ids)
    tables = state_tables(state, titles, topics=topics, authors=authors)
    tables += [_rules_table(made, titles)] if isinstance(made, ByRules) else inspection_tables(made, titles)
    context = {
        **_about(subject, state),
        "title": _title(made, subject),
        "made": made,
        "inspection": inspection,
        "tiles": _tiles(inspection, state) if inspection else [],
        "picture": _picture(inspection, titles) if inspection else None,
        "followed_topics": [topics[key] for key in sorted(state.followed_topic_ids) if key in topics],
        "followed_authors": [authors[key] for key in sorted(state.followed_author_ids) if key in authors],
        "form": _form(subject, _as_they_are(subject, state, serving, request.now)) if serving and inspection else None,
    }
    return answer(request, "staff/reader.html", context, tables=tables)


def _live() -> Serving | None:
    kept = shelf()
    kept.ensure_watching()
    return kept.current()


def _state(subject: Subject, now: datetime) -> ReaderState:
    return read_state(
        reader=subject.row,
        languages=subject.languages,
        now=now,
        personalised=subject.personalised,
        public_id=subject.public_id,
    )


def _page(subject: Subject, state: ReaderState, serving: Serving | None, now: datetime) -> Inspection | ByRules:
    """As `recsite.serving.serve_home` decides, but that a release that fails is named."""
    if not state.personalised:
        return _by_rules(state, slates.PERSONALISATION_OFF, now)
    if serving is None:
        return _by_rules(state, slates.NO_RELEASE, now)
    try:
        return inspect(state=state, serving=serving, now=now, columns=subject.columns)
    except (OperationalError, InterfaceError):
        raise
    except NoCandidates:
        return _by_rules(state, slates.NO_CANDIDATES_LEFT, now)
    except Exception:  # whatever is wrong with a release, this page is where staff look for it
        logger.exception("a release does not serve a reader", extra={"release": serving.release_id})
        return _by_rules(state, slates.RELEASE_FAILED, now)


def _by_rules(state: ReaderState, why: str, now: datetime) -> ByRules:
    slate = serve_mix(state=state, shown=(), now=now, limit=PAGE_SIZE, fallback=why, pinned=board().at(now))
    return ByRules(why, tuple(entry.item_id for entry in slate.entries), tuple(entry.source for entry in slate.entries))


_WHY_RULES = {
    slates.PERSONALISATION_OFF: "This reader switched personalisation off: what is popular and fresh, by rules.",
    slates.NO_RELEASE: "No release serves: this reader gets what is followed, popular and fresh, by rules.",
    slates.NO_CANDIDATES_LEFT: "The release has nothing left for this reader: their page is made by rules.",
    slates.RELEASE_FAILED: "The release fails for this reader: their page is made by rules. The web log says why.",
}


_ASKED_WITHOUT = (
    "The last home page of this reader was asked for without personalisation, as by a browser that sends Global "
    "Privacy Control: what is popular and fresh, by rules."
)


def _title(made: Inspection | ByRules, subject: Subject) -> str:
    if isinstance(made, ByRules):
        if made.why == slates.PERSONALISATION_OFF and (subject.row is None or subject.row.personalised):
            return _ASKED_WITHOUT
        return _WHY_RULES[made.why]
    return (
        f"Release {made.release_id} chooses {len(made.item_ids)} of {len(made.page.named):,} candidates "
        "for this reader."
    )


def _about(subject: Subject, state: ReaderState) -> dict[str, Any]:
    return {
        "subject": subject,
        "state": state,
        "languages": [language_name(code) for code in sorted(state.languages)],
        "slates_url": f"{reverse('staff:slates')}?{urlencode({'reader': subject.public_id})}",
    }


def _tiles(inspection: Inspection, state: ReaderState) -> list[Tile]:
    kept_out, exploration = sum(inspection.kept_out.values()), inspection.exploration
    of_the_reader = {item for run in inspection.sources if run.is_of_the_reader for item in run.item_ids}
    personal = len(of_the_reader.intersection(inspection.item_ids))
    stays = [chance.stays for chance in exploration.slots if chance.stays is not None]
    unchanged = sum(stays) / len(stays) if stays else 1.0
    searches = len(state.searches)
    and_searches = f"and {searches} search{'es' if searches != 1 else ''}"
    return [
        Tile("Reactions known", f"{len(state.history.item_ids):,}", and_searches, "#state"),
        Tile("Kept from them", f"{kept_out + len(inspection.removed):,}", "passed over or removed", "#kept-out"),
        Tile("Of their own sources", f"{personal} of {len(inspection.item_ids)}", "items of the page", "#sources"),
        Tile("Left by exploration", f"{unchanged:.0%}", "chance of a place to stay as it is", "#exploration"),
    ]


def _picture(inspection: Inspection, titles: Titles) -> FunnelPicture:
    removed = removed_with_lines(inspection)
    shown = [*inspection.item_ids, *removed]
    return picture_of(
        inspection,
        titles={item_id: titles.of(item_id) for item_id in shown},
        urls={item_id: item_url(item_id) for item_id in shown},
        removed=removed,
    )


def _rules_table(made: ByRules, titles: Titles) -> Table:
    rows = [
        [whole(place + 1), titles.cell(item_id), words(source)]
        for place, (item_id, source) in enumerate(zip(made.item_ids, made.sources, strict=True))
    ]
    columns = [Column("Place", numeric=True), Column("Item"), Column("Source")]
    empty = "Nothing in the catalogue may be shown to this reader. See their languages and what they hide."
    return Table("page", "The page, by rules", columns, rows, empty)


# --- what if ---


def _as_they_are(subject: Subject, state: ReaderState, serving: Serving, now: datetime) -> Circumstances:
    return Circumstances(
        languages=state.languages,
        topics=state.followed_topic_ids,
        country=state.profile.country,
        at=now,
        columns=subject.columns,
        release=serving.release_id,
    )


def _what_if(
    request: SiteRequest, subject: Subject, state: ReaderState, serving: Serving, made: Inspection | ByRules
) -> HttpResponse:
    if isinstance(made, ByRules):
        return _as_it_is(request, subject, state, serving, made)
    as_is = _as_they_are(subject, state, serving, request.now)
    context = {**_about(subject, state), "form": _form(subject, as_is), "as_it_is": request.path}
    try:
        asked = circumstances_asked(
            request.GET,
            as_is,
            languages=Item.objects.languages(),
            topics=set(Topic.objects.values_list("pk", flat=True)),
        )
        context["form"] = _form(subject, asked)
        after = _under(asked, as_is, subject, state, serving)
    except (WhatIfError, ReleaseUnavailable, NoCandidates) as error:
        context |= {"title": "This cannot be tried.", "sentence": _sentence(error)}
        return answer(request, "staff/reader_what_if.html", context)
    comparison = compare(made.item_ids, after.item_ids)
    titles = titles_for([made, after])
    context |= {
        "title": _verdict(comparison, as_is.differences(asked)),
        "comparison": comparison,
        "changes": as_is.differences(asked),
        "release": after.release_id,
        "slopes": _slopes(comparison, titles),
        "picture": _picture(after, titles),
    }
    tables = [comparison_table(comparison, titles, after), stages_table(made, after), page_table(after, titles)]
    return answer(request, "staff/reader_what_if.html", context, tables=tables)


def _slopes(comparison: Comparison, titles: Titles) -> Slopes:
    item_ids = [moved.item_id for moved in comparison.moved]
    return slopes_of(
        comparison,
        titles={item_id: titles.of(item_id) for item_id in item_ids},
        urls={item_id: item_url(item_id) for item_id in item_ids},
    )


def _under(
    asked: Circumstances, as_is: Circumstances, subject: Subject, state: ReaderState, serving: Serving
) -> Inspection:
    if asked.release != serving.release_id:
        serving = serving_of(asked.release)
    if asked.at != as_is.at:
        state = _state(subject, asked.at)
    state = state_under(state, asked)
    with asking(serving.release_id):
        return inspect(state=state, serving=serving, now=asked.at, columns=asked.columns)


def _sentence(error: Exception) -> str:
    return f"Nothing would be left to show. {error}" if isinstance(error, NoCandidates) else str(error)


_CHANGED = {
    "languages": "other languages",
    "topics": "other topics",
    "country": "another country",
    "time": "another time",
    "columns": "other columns",
    "release": "another release",
}


def _verdict(comparison: Comparison, changes: list[str]) -> str:
    if not changes:
        return "Nothing is changed, so this is their page as it is."
    said = [_CHANGED[name] for name in changes]
    what = " and ".join(filter(None, (", ".join(said[:-1]), said[-1])))
    total = comparison.stayed + comparison.shifted + comparison.entered
    if comparison.entered:
        return f"With {what}, {comparison.entered} of {total} items would be others."
    if comparison.shifted:
        return f"With {what}, the same items would stand in another order."
    return f"With {what}, the page would be the same."


def _form(subject: Subject, values: Circumstances) -> dict[str, Any]:
    """The form's fields with these values."""
    releases = Release.objects.order_by("-pk").values_list("pk", "state")[:RELEASES_OFFERED]
    offered = dict(releases)
    offered.setdefault(values.release, "in use")
    return {
        "languages": [
            {"code": code, "name": language_name(code), "chosen": code in values.languages}
            for code in Item.objects.languages()
        ],
        "topics": [
            {"pk": pk, "name": name, "chosen": pk in values.topics}
            for pk, name in Topic.objects.values_list("pk", "name")
        ],
        "country": values.country,
        "at": timezone.localtime(values.at).strftime(TIME_FORMAT),
        "zone": timezone.localtime(values.at).strftime("%Z"),
        "columns": values.columns or "",
        "releases": [
            {"pk": pk, "state": state, "chosen": pk == values.release}
            for pk, state in sorted(offered.items(), reverse=True)
        ],
        "has_row": subject.row is not None,
    }
