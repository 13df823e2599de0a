"""What was shown: the newest slates, and one of them as it stood, computed again, and served by another release."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from catalog.models import Item
from feedback.models import Slate
from feedback.slates import Named
from recsite import slates as served
from recsite.html_parts import number_of, when_in_words
from recsite.models import Release
from recsite.releases.live import NOT_LOADED
from recsite.requests import SiteRequest
from recsite.staff.access import PERSONAL, staff_page
from recsite.staff.answers import answer
from recsite.staff.charts import Chart, Series, Tile
from recsite.staff.loaded_releases import ReleaseUnavailable
from recsite.staff.replay import NotRecorded, Replay, SlotFeatures, features_of_slot, replay_chances, replay_scores
from recsite.staff.served_again import NotServedAgain, ServedAgain, serve_again
from recsite.staff.slate_search import SURFACES, FoundSlates, SearchError, find_slates, search_asked, seen_and_opened
from recsite.staff.slate_story import Act, ShownSlot, SlateStory, read_story
from recsite.staff.tables import Cell, Column, Table, moment, number, whole, words

FILTERS = ("reader", "release", "surface", "fallback", "explored", "day", "before")
CHARTED = 12
RELEASES_OFFERED = 30
NONE = "–"

FALLBACKS = {
    served.NO_RELEASE: "No release was live, so rules took what is popular and fresh.",
    served.RELEASE_FAILED: "A release failed while it served, and the next in line took over.",
    served.NO_CANDIDATES_LEFT: "The release found nothing that could be shown, and the next in line took over.",
    served.RULES_FAILED: "Popular and fresh failed as well, so the newest items were shown.",
    served.PERSONALISATION_OFF: "The reader had personalisation switched off, so rules ordered the page.",
    NOT_LOADED: "The live release could not be loaded, so another one served.",
}
"""By what stands in the log."""

BRANCHES = {
    Slate.Branch.FALLBACK: "by rules",
    Slate.Branch.PINNED: "pinned",
    Slate.Branch.GREEDY: "best",
    Slate.Branch.POOL: "explored: pool",
    Slate.Branch.OUTSIDE: "explored: outside",
}


# --- the list ---


@staff_page(needs=PERSONAL)
@require_GET
def slates(request: SiteRequest) -> HttpResponse:
    problem = ""
    try:
        found = find_slates(search_asked(request.GET))
    except SearchError as wrong:
        found, problem = FoundSlates((), None), str(wrong)
    context = {
        "title": problem or _list_title(found, request),
        "asked": request.GET,
        "surfaces": SURFACES,
        "is_filtered": _is_filtered(request),
        "older_url": "" if found.older is None else f"?{_with(request, before=str(found.older))}",
        "looked_back_to": found.looked_back_to,
    }
    return answer(request, "staff/slates.html", context, tables=[_list(found.slates)])


def _list_title(found: FoundSlates, request: SiteRequest) -> str:
    if not found.slates:
        return "No slate here matches." if _is_filtered(request) else "Nothing has been shown to anybody yet."
    newest = when_in_words(found.slates[0].served_at, request.now)
    if _is_filtered(request):
        return f"The newest slate that matches was served {newest}."
    return f"The newest slate was served {newest}."


def _is_filtered(request: SiteRequest) -> bool:
    return any(request.GET.get(name) for name in FILTERS)


def _with(request: SiteRequest, **values: str) -> str:
    asked = {name: value for name, value in request.GET.items() if value and name not in {"csv", "json"}}
    return urlencode(asked | values)


def _list(found: Sequence[Slate]) -> Table:
    counts = seen_and_opened(found)
    columns = [
        Column("Served"),
        Column("Reader"),
        Column("Surface"),
        Column("Items", numeric=True),
        Column("From", numeric=True, hint="Position of its first item in the scroll, from 0"),
        Column("Release", numeric=True),
        Column("Fallback"),
        Column("Explored", numeric=True, hint="Slots that chance filled"),
        Column("Seen", numeric=True, hint="Slots that a browser saw"),
        Column("Opened", numeric=True, hint="Slots with a click that stands"),
        Column("Left out", hint="Why it teaches nothing"),
    ]
    rows = [_list_row(slate, *counts[slate.pk]) for slate in found]
    return Table(
        "slates", "Slates", columns, rows, "Open the front page of the site: what it shows is the first slate."
    )


def _list_row(slate: Slate, seen: int, opened: int) -> list[Cell]:
    explored = sum(branch in {Slate.Branch.POOL, Slate.Branch.OUTSIDE} for branch in slate.branches)
    return [
        moment(slate.served_at, url=reverse("staff:slate", args=[slate.pk])),
        _reader_cell(slate),
        words(slate.get_surface_display()),
        whole(len(slate.items)),
        whole(slate.first_position),
        _release_cell(slate),
        words(slate.fallback or NONE, hint=FALLBACKS.get(slate.fallback or "", "")),
        whole(explored),
        whole(seen),
        whole(opened),
        words(slate.get_excluded_display() or NONE),
    ]


def _reader_cell(slate: Slate) -> Cell:
    public_id = slate.reader_public_id
    return Cell(str(public_id)[:8], str(public_id), reverse("staff:reader", args=[public_id]), str(public_id))


def _release_cell(slate: Slate) -> Cell:
    if slate.release is None:
        return whole(None)
    return Cell(str(slate.release), slate.release, reverse("staff:release", args=[slate.release]))


# --- one slate ---


@staff_page(needs=PERSONAL)
@require_GET
def slate(request: SiteRequest, slate_id: uuid.UUID) -> HttpResponse:
    story = read_story(slate_id, now=request.now)
    if story is None:
        raise Http404("The log has no such slate, or has it no more.")
    scores, chances = replay_scores(story.slate, story.detail), replay_chances(story.slate, story.detail)
    tables = [_slots(story), _sources(story), _removed(story), _visit(story)]
    if scores.values or chances.values:
        tables.append(_replayed(story, scores, chances))
    charts: list[Chart] = []
    context: dict[str, Any] = {
        "title": _title(story, request.now),
        "story": story,
        "slate": story.slate,
        "fallback": _fallback(story.slate),
        "parameters": [(name, json.dumps(value)) for name, value in sorted(story.slate.policy_parameters.items())],
        "tiles": _tiles(story, scores, chances),
        "scores": scores,
        "chances": chances,
        "releases": _releases(),
    }
    context |= _position(request, story, tables, charts)
    context |= _again(request, story, tables)
    return answer(request, "staff/slate.html", context, tables=tables, charts=charts)


def _title(story: SlateStory, now: datetime) -> str:
    slate = story.slate
    by = "Rules" if slate.release is None else f"Release {slate.release}"
    shown = number_of(len(slate.items), "item")
    when = when_in_words(slate.served_at, now)
    return f"{by} showed {shown} {when}: {story.seen} seen, {story.opened} opened."


def _fallback(slate: Slate) -> str:
    if slate.fallback:
        return FALLBACKS.get(slate.fallback, slate.fallback)
    return "" if slate.release is None else "No: the release that should have served did."


def _tiles(story: SlateStory, scores: Replay, chances: Replay) -> list[Tile]:
    slots = len(story.slots)
    return [
        Tile("Seen", f"{story.seen} of {slots}", "slots that a browser saw"),
        Tile("Opened", f"{story.opened} of {slots}", "slots with a click that stands"),
        _replay_tile("Scores computed again", scores),
        _replay_tile("Propensities computed again", chances),
    ]


def _replay_tile(label: str, replay: Replay) -> Tile:
    if replay.why_not:
        return Tile(label, NONE, replay.why_not)
    if not replay.compared:
        return Tile(label, NONE, "None was recorded.")
    if replay.is_equal:
        return Tile(label, "Equal", f"{replay.compared} of {replay.compared}, to 0.00001")
    return Tile(label, f"{replay.different} differ", f"by up to {replay.largest:.2g}", alarm=True)


def _slots(story: SlateStory) -> Table:
    zone = story.slate.served_at.astimezone(timezone.get_current_timezone()).tzname()
    columns = [
        Column("Position", numeric=True, hint="In the scroll, from 0; leads to its features"),
        Column("Item"),
        Column("Score", numeric=True),
        Column("Propensity", numeric=True, hint="Probability of this item here, given the slots above"),
        Column("Came by"),
        Column("Best would be", hint="What had stood here without exploration, where that is another item"),
        Column(f"Seen, {zone}"),
        Column(f"Then, {zone}"),
        Column("Teaches"),
    ]
    rows = [_slot(story, slot) for slot in story.slots]
    return Table("slots", "As it was shown", columns, rows, "The slate is empty.")


def _slot(story: SlateStory, slot: ShownSlot) -> list[Cell]:
    is_best = slot.greedy_item_id == slot.item_id
    return [
        whole(slot.position, url=f"?position={slot.position}#features"),
        _item(slot.item_id, story.titles),
        number(slot.score, 4),
        number(slot.propensity, 4),
        words(BRANCHES[Slate.Branch(slot.branch)]),
        words(NONE) if is_best else _item(slot.greedy_item_id, story.titles),
        Cell(NONE if slot.viewed_at is None else _clock(slot.viewed_at), slot.viewed_at),
        words("; ".join(map(_done, slot.acts)) or NONE),
        words(slot.label),
    ]


def _sources(story: SlateStory) -> Table:
    """Those that named anything on the page."""
    sources = sorted({named.source for slot in story.slots for named in slot.named_by})
    columns = [
        Column("Position", numeric=True),
        Column("Item"),
        *(Column(source, numeric=True, hint="Its own rank, from 0, and its own score") for source in sources),
    ]
    rows = [
        [whole(slot.position), _item(slot.item_id, story.titles), *_named(slot.named_by, sources)]
        for slot in story.slots
    ]
    return Table("sources", "Which source named it: its rank, and its score", columns, rows, "The slate is empty.")


def _named(words_of: Sequence[Named], sources: Sequence[str]) -> list[Cell]:
    said = {named.source: named for named in words_of}
    return [_rank(said[source]) if source in said else whole(None) for source in sources]


def _rank(named: Named) -> Cell:
    score = "" if named.score is None else f" ({named.score:.3g})"
    return Cell(f"{named.rank}{score}", named.rank)


def _replayed(story: SlateStory, scores: Replay, chances: Replay) -> Table:
    columns = [
        Column("Position", numeric=True),
        Column("Item"),
        Column("Score", numeric=True),
        Column("Score again", numeric=True),
        Column("Propensity", numeric=True),
        Column("Propensity again", numeric=True),
    ]
    nothing = [None] * len(story.slots)
    rows = [
        [
            whole(slot.position),
            _item(slot.item_id, story.titles),
            number(slot.score, 6),
            number(score, 6),
            number(slot.propensity, 6),
            number(chance, 6),
        ]
        for slot, score, chance in zip(story.slots, scores.values or nothing, chances.values or nothing, strict=True)
    ]
    return Table("replayed", "Recorded, and computed again", columns, rows, "The slate is empty.")


def _item(item_id: int, titles: dict[int, str]) -> Cell:
    if item_id not in titles:
        return words(f"deleted item {item_id}")
    return Cell(titles[item_id], titles[item_id], reverse("staff:item", args=[item_id]), f"item {item_id}")


def _done(act: Act) -> str:
    parts = [f"{act.kind.replace('_', ' ')} {_clock(act.happened_at)}"]
    if act.dwell_ms is not None:
        parts.append(f"for {act.dwell_ms / 1_000:.0f} s")
    if not act.here:
        parts.append(f"elsewhere ({act.surface.lower()})")
    if act.undone_at is not None:
        parts.append(f"undone {_clock(act.undone_at)}")
    return " ".join(parts)


def _clock(at: datetime) -> str:
    return timezone.localtime(at).strftime("%H:%M:%S")


def _removed(story: SlateStory) -> Table:
    """Beside the candidates themselves, where they were kept."""
    detail = story.detail
    counts = Counter(story.slate.removed)
    rows = [
        [words(reason.replace("_", " ")), whole(count)]
        for reason, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    kept = "" if detail is None or detail.union_items is None else f" {len(detail.union_items):,} candidates were left."
    return Table(
        "removed",
        f"What filters took out.{kept}",
        [Column("Why"), Column("Items", numeric=True)],
        rows,
        "Filters took nothing out of the candidates.",
    )


def _visit(story: SlateStory) -> Table:
    columns = [
        Column("Served"),
        Column("Surface"),
        Column("Items", numeric=True),
        Column("From", numeric=True, hint="Position of its first item in the scroll, from 0"),
        Column("Release", numeric=True),
        Column("Seen", numeric=True),
        Column("Opened", numeric=True),
    ]
    others = [each for each in story.visit if each.pk != story.slate.pk]
    counts = seen_and_opened(others)
    rows = [
        [
            moment(each.served_at, url=reverse("staff:slate", args=[each.pk])),
            words(each.get_surface_display()),
            whole(len(each.items)),
            whole(each.first_position),
            _release_cell(each),
            *(whole(count) for count in counts[each.pk]),
        ]
        for each in others
    ]
    return Table("visit", "Other slates of the same visit", columns, rows, "The visit has no other slate.")


# --- the features of one position ---


def _position(
    request: SiteRequest, story: SlateStory, tables: list[Table], charts: list[Chart]
) -> dict[str, ShownSlot | str]:
    asked = request.GET.get("position", "")
    if not asked:
        return {}
    slot = next((slot for slot in story.slots if str(slot.position) == asked), None)
    if slot is None:
        raise Http404(f"The slate has no position {asked[:20]}.")
    try:
        found = features_of_slot(story.slate, story.detail, slot.position - story.slate.first_position)
    except NotRecorded as missing:
        return {"chosen": slot, "no_features": str(missing)}
    tables.append(_features(slot, found))
    if not found.why_not:
        charts.append(_contributions(slot, found, story.slate.served_at))
    return {"chosen": slot, "no_contributions": found.why_not}


def _features(slot: ShownSlot, found: SlotFeatures) -> Table:
    columns = [
        Column("Feature"),
        Column("Of"),
        Column("Value", numeric=True, hint="As it was recorded"),
        Column("Adds to the score", numeric=True),
        Column("What it says"),
    ]
    rows = [
        [
            words(row.feature.name),
            words(row.feature.group),
            _value(row.value),
            number(row.contribution, 4),
            words(row.feature.meaning),
        ]
        for row in found.rows
    ]
    if found.base is not None:
        said = "What every candidate starts from: with it all rows together sum to the score"
        rows.append([words("base"), words(NONE), words(NONE), number(found.base, 4), words(said)])
    return Table("features", f"Recorded features of position {slot.position}", columns, rows, "There are none.")


def _value(value: float | None) -> Cell:
    return Cell("not known" if value is None else f"{value:.4g}", value)


def _contributions(slot: ShownSlot, found: SlotFeatures, as_of: datetime) -> Chart:
    largest = found.rows[:CHARTED]
    return Chart(
        "contributions",
        f"What moved the score of position {slot.position} most",
        "number",
        [row.feature.name for row in largest],
        [Series("Adds to the score", [row.contribution for row in largest])],
        as_of,
        kind="bars",
    )


# --- by another release ---


def _releases() -> Iterable[Release]:
    return Release.objects.only("pk", "state")[:RELEASES_OFFERED]


def _again(request: SiteRequest, story: SlateStory, tables: list[Table]) -> dict[str, object]:
    asked = request.GET.get("release", "")
    if not asked:
        return {}
    if not (asked.isascii() and asked.isdigit() and len(asked) < 10):
        raise Http404(f"There is no release {asked[:20]}.")
    release_id = int(asked)
    try:
        found = serve_again(story.slate, release_id, story.visit)
    except (NotServedAgain, ReleaseUnavailable) as nothing:
        return {"release_asked": release_id, "not_again": str(nothing)}
    tables.append(_side_by_side(story, found))
    return {"release_asked": release_id, "doubts": found.doubts, "same": _same(story, found)}


def _same(story: SlateStory, found: ServedAgain) -> str:
    then = set(story.slate.items)
    same = len(then.intersection(found.item_ids))
    standing = sum(one == other for one, other in zip(story.slate.items, found.item_ids, strict=False))
    return f"{same} of {len(then)} items are the same, {standing} of them at the same position."


def _side_by_side(story: SlateStory, found: ServedAgain) -> Table:
    first = story.slate.first_position
    then = {item_id: first + place for place, item_id in enumerate(story.slate.items)}
    now = {item_id: first + place for place, item_id in enumerate(found.item_ids)}
    titles = dict(story.titles)
    titles |= Item.objects.filter(pk__in=now.keys() - titles.keys()).values_list("pk", "title")
    columns = [
        Column("Position", numeric=True),
        Column("Shown then"),
        Column("Would stand at", numeric=True, hint="Where this release would show it; nothing where it would not"),
        Column(f"Release {found.release_id} today"),
        Column("Stood at", numeric=True, hint="Where it was shown then; nothing where it was not"),
    ]
    rows = [
        [
            whole(first + place),
            *_beside(story.slate.items, place, now, titles),
            *_beside(found.item_ids, place, then, titles),
        ]
        for place in range(max(len(then), len(now)))
    ]
    return Table("again", f"Shown then, and by release {found.release_id} today", columns, rows)


def _beside(items: Sequence[int], place: int, elsewhere: dict[int, int], titles: dict[int, str]) -> list[Cell]:
    if place >= len(items):
        return [words(NONE), whole(None)]
    return [_item(items[place], titles), whole(elsewhere.get(items[place]))]
