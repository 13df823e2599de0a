"""Items: find one, see who is shown it and why, hide it, pin it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from catalog.languages import language_name
from catalog.models import Item, ItemTopic, Topic
from recsite.counting.schedule import TODAY, counted_until
from recsite.models import ItemDay, PinnedItem, Release, StaffAction
from recsite.releases.live import Serving, shelf
from recsite.requests import SiteRequest
from recsite.staff import item_actions
from recsite.staff.access import ITEMS, PERSONAL, operator, reason_given, staff_page
from recsite.staff.answers import answer
from recsite.staff.charts import Chart, Series, Tile, spark_path
from recsite.staff.intervals import Interval
from recsite.staff.item_actions import HIDDEN, NotDone, about_item
from recsite.staff.item_counts import (
    NONE,
    WEEK,
    Counts,
    ItemCounts,
    counts_of,
    most_shown,
    usual_dismiss_rate,
    week_of,
)
from recsite.staff.item_neighbours import Neighbour, alike, covisited
from recsite.staff.item_sample import SLATES, Sample, sample_of
from recsite.staff.item_search import find_items
from recsite.staff.item_story import Facts, checks, choices_of, held_by, pin_of, verdict, warming_up
from recsite.staff.tables import Cell, Column, Table, in_zone, moment, number, share, whole, words

FOUND, LISTED, TRAIL = 50, 20, 50
LARGEST_ID = 2**63 - 1

LASTS = {
    "1": ("a day", timedelta(days=1)),
    "7": ("a week", timedelta(days=7)),
    "30": ("a month", timedelta(days=30)),
    "": ("until it is taken down", None),
}
"""How long a pin may last: what the form sends, what it says, and what that is."""


# --- the list ---


@staff_page
def items(request: SiteRequest) -> HttpResponse:
    query, topic = request.GET.get("q", "").strip(), _topic(request.GET.get("topic", ""))
    if query:
        return _found(request, query)
    if topic is not None:
        return _of_topic(request, topic)
    return _all(request)


def _found(request: SiteRequest, query: str) -> HttpResponse:
    found = find_items(query, limit=FOUND)
    if len(found) == 1 and not {"csv", "json"} & set(request.GET):
        return redirect("staff:item", found[0].pk)
    table = _item_table("found", f"Items for “{query}”", found, request.now, "Try fewer words, or the item's number.")
    title = f"{_counted(len(found), most=FOUND)} match “{query}”." if len(found) != 1 else f"1 item matches “{query}”."
    return answer(request, "staff/items.html", {"title": title, "query": query}, tables=[table])


def _of_topic(request: SiteRequest, topic: Topic) -> HttpResponse:
    item_ids = ItemTopic.objects.filter(topic=topic).order_by("-item").values_list("item", flat=True)[:FOUND]
    found = sorted(_in_order(list(item_ids)), key=lambda item: item.published_at, reverse=True)
    table = _item_table("found", f"The last items of {topic}", found, request.now, "No item has this topic.")
    title = f"{_counted(len(found), most=FOUND)} of the topic {topic}, the last that came in."
    return answer(request, "staff/items.html", {"title": title, "query": ""}, tables=[table])


def _all(request: SiteRequest) -> HttpResponse:
    now = request.now
    counted_at, most = most_shown(now=now, limit=LISTED)
    pins = list(_standing_pins(now))
    new = Item.objects.published(now).filter(published_at__gt=now - WEEK).count()
    newest = Item.objects.published(now).for_cards().newest_first()[:LISTED]
    hidden = _hidden_lately()
    tables = [
        _pin_table(pins),
        _item_table("newest", "Newest", newest, now, "No item is out yet. Import some, or publish one."),
        _item_table(
            "most_shown",
            f"Shown most in the last 7 days, counted {in_zone(counted_at)}",
            _in_order(most),
            now,
            "Nothing was shown in the last 7 days, or the job “count-log” has not counted it yet.",
        ),
        _item_table("hidden", "Hidden by staff, the last first", hidden, now, "Nothing is hidden from here."),
    ]
    out = "1 item came out" if new == 1 else f"{new:,} items came out"
    title = f"{out} in the last 7 days. {_said_of_pins(len(pins))}"
    return answer(request, "staff/items.html", {"title": title, "query": "", "is_all": True}, tables=tables)


def _topic(asked: str) -> Topic | None:
    if not asked:
        return None
    if not (asked.isascii() and asked.isdigit()) or int(asked) > LARGEST_ID:
        raise Http404("A topic is named by its number.")
    return get_object_or_404(Topic, pk=int(asked))


def _counted(found: int, *, most: int) -> str:
    if not found:
        return "No items"
    return f"{found} items" if found < most else f"The first {most} items"


def _said_of_pins(pinned: int) -> str:
    return {0: "None is pinned.", 1: "One is pinned."}.get(pinned, f"{pinned} are pinned.")


def _standing_pins(now: datetime) -> Iterable[PinnedItem]:
    standing = PinnedItem.objects.filter(taken_down_at=None).exclude(until__lte=now)
    return standing.select_related("item").order_by("position")


def _in_order(item_ids: Sequence[int]) -> list[Item]:
    found = Item.objects.for_cards().in_bulk(list(item_ids))
    return [found[item_id] for item_id in item_ids if item_id in found]


def _hidden_lately() -> list[Item]:
    """By the trail, and hidden still. What was hidden elsewhere stands among the raw rows: no index knows it."""
    about = StaffAction.objects.filter(action=HIDDEN).values_list("about", flat=True)[: 5 * LISTED]
    item_ids = [int(name.removeprefix("item ")) for name in dict.fromkeys(about)]
    return [item for item in _in_order(item_ids) if item.hidden][:LISTED]


def _item_table(key: str, caption: str, found: Iterable[Item], now: datetime, empty: str) -> Table:
    found = list(found)
    week = week_of([item.pk for item in found], now=now)
    columns = [
        Column("Item"),
        Column("Published"),
        Column("Language"),
        Column("Topic"),
        Column("Shown", True, "In the last 7 days, by slots of all surfaces"),
        Column("Opened", True),
        Column("Click rate", True, "Of what was viewed"),
    ]
    return Table(key, caption, columns, [_item_row(item, week.get(item.pk, NONE)) for item in found], empty)


def _item_row(item: Item, week: Counts) -> list[Cell]:
    topic = next(iter(item.topics.all()), None)
    return [
        words(_name(item), url=_address(item.pk)),
        moment(item.published_at),
        words(language_name(item.language)),
        words("–") if topic is None else words(topic, url=f"{reverse('staff:items')}?topic={topic.pk}"),
        whole(week.served),
        whole(week.clicks),
        _rate(week.click_rate),
    ]


def _name(item: Item) -> str:
    return f"{item} (hidden)" if item.hidden else str(item)


def _pin_table(pins: Sequence[PinnedItem]) -> Table:
    columns = [Column("Position", True), *map(Column, ("Item", "Since", "Until", "By", "Why"))]
    rows = [
        [
            whole(pin.position + 1),
            words(_name(pin.item), url=_address(pin.item_id)),
            moment(pin.since),
            words("taken down") if pin.until is None else moment(pin.until),
            words(pin.by),
            words(pin.reason),
        ]
        for pin in pins
    ]
    return Table("pins", "Pinned now", columns, rows, "Nothing is pinned. An item's own page has the button.")


# --- one item ---


@staff_page
def item(request: SiteRequest, item_id: int) -> HttpResponse:
    found = _item(item_id)
    kept = shelf()
    kept.ensure_watching()
    serving, now = kept.current(), request.now
    facts = _facts(found, serving, now)
    context = {
        "title": verdict(facts),
        "item": found,
        "language": language_name(found.language),
        "tiles": _tiles(facts),
        "facts": facts,
        "position": None if facts.pin is None else facts.pin.position + 1,
        "is_out": not found.hidden and found.published_at <= now,
        "may_act": request.user.has_perm(ITEMS),
        "positions": range(1, PinnedItem.MOST + 1),
        "lasts": [(value, text) for value, (text, _) in LASTS.items()],
        "hide_fields": [("hidden", "1")],
        "show_fields": [("hidden", "0")],
    }
    tables = [
        _checks_table(facts),
        _warming_table(facts),
        _place_table(facts.counts),
        _group_table(facts.sample),
        _example_table(facts.sample, may_see=request.user.has_perm(PERSONAL)),
        *_neighbour_tables(serving, found, now),
        _trail_table(found),
    ]
    return answer(
        request, "staff/item.html", context, tables=tables, charts=_charts(facts.counts, counted_until(TODAY) or now)
    )


def _facts(found: Item, serving: Serving | None, now: datetime) -> Facts:
    choices = choices_of(found.pk)
    release = None if serving is None else Release.objects.filter(pk=serving.release_id).first()
    topics = [topic.pk for topic in found.topics.all()]
    return Facts(
        item=found,
        now=now,
        counts=counts_of(found.pk, now=now),
        choices=choices,
        sample=sample_of(found.pk, topics=topics, author=found.author_id, now=now),
        held=None if serving is None or release is None else held_by(serving, release, found.pk, choices),
        pin=pin_of(found.pk, now=now),
        usual_dismiss_rate=usual_dismiss_rate(now=now),
    )


def _tiles(facts: Facts) -> list[Tile]:
    counts, rate = facts.counts, facts.counts.week.click_rate
    shown, seen = (spark_path([getattr(day, name) for day in counts.by_day.values()]) for name in ("served", "clicks"))
    held = facts.held
    known = "–" if held is None else "known" if held.first_choice_known else "cold"
    return [
        Tile("Shown, last 7 days", f"{counts.week.served:,}", f"{counts.week.viewed:,} viewed", "#by-day", shown),
        Tile("Opened, last 7 days", f"{counts.week.clicks:,}", f"{rate.text} of views", "#by-day", seen),
        Tile("Dismissed, ever", f"{counts.ever.dismissals:,}", f"{counts.ever.dismiss_rate.text} of views", "#why"),
        Tile("To the live release", known, f"chosen {facts.choices.text} times", "#warming-up"),
    ]


def _charts(counts: ItemCounts, as_of: datetime) -> list[Chart]:
    days, by_day = [_midnight(day) for day in counts.by_day], list(counts.by_day.values())
    rates = [day.click_rate for day in by_day]
    empty = "It was not shown lately. The job “count-log” counts what was shown every few minutes."
    return [
        Chart(
            "exposure",
            "Shown, viewed and opened by day (UTC)",
            "count",
            days,
            [
                Series("Shown", [day.served for day in by_day]),
                Series("Viewed", [day.viewed for day in by_day]),
                Series("Opened", [day.clicks for day in by_day]),
            ],
            as_of,
            empty=empty,
        ),
        Chart(
            "click_rate",
            "Click rate of what was viewed, by day (UTC), with its 95% interval",
            "share",
            days,
            [
                Series(
                    "Click rate",
                    [rate.value for rate in rates],
                    [rate.lower for rate in rates],
                    [rate.upper for rate in rates],
                )
            ],
            as_of,
            empty=empty,
        ),
    ]


_MARKS = {True: "fine", False: "in the way", None: "–"}
"""A check may have a negative name, to which yes or no would say the opposite."""
_REACHED = {True: "yes", False: "no", None: "–"}


def _checks_table(facts: Facts) -> Table:
    rows = [[words(check.name), words(_MARKS[check.good]), words(check.words)] for check in checks(facts)]
    return Table("why", "Why it is, or is not, shown", [Column("Check"), Column(""), Column("What it says")], rows)


def _warming_table(facts: Facts) -> Table:
    rows = [[words(step.name), words(_REACHED[step.good]), words(step.words)] for step in warming_up(facts)]
    return Table("warming_up", "From cold to known", [Column("Step"), Column(""), Column("How far")], rows)


def _place_table(counts: ItemCounts) -> Table:
    columns = [Column("Place"), *(Column(head, True) for head in ("Shown", "Viewed", "Opened", "Click rate"))]
    columns += [Column("From", True, "Of the 95% interval"), Column("To", True), Column("Dismissed", True)]
    rows = [
        [
            words(_place_name(place)),
            whole(here.served),
            whole(here.viewed),
            whole(here.clicks),
            _rate(here.click_rate),
            share(here.click_rate.lower),
            share(here.click_rate.upper),
            whole(here.dismissals),
        ]
        for place, here in sorted(counts.by_place.items())
    ]
    return Table("places", "By place on the page, ever", columns, rows, "It was not shown yet, or is not counted yet.")


def _place_name(place: int) -> str:
    following = next((begin for begin in ItemDay.PLACES if begin > place), None)
    return f"Positions {place + 1} to {following}" if following else f"Position {place + 1} and below"


def _group_table(sample: Sample) -> Table:
    columns = [Column("Readers"), Column("Which"), *(Column(head, True) for head in ("Pages", "With it", "Share"))]
    rows = [
        [words(group.kind), words(group.name), whole(group.slates), whole(group.showed), share(group.share)]
        for group in sample.groups
    ]
    since = "" if sample.since is None else f", since {in_zone(sample.since)}"
    caption = f"Who is shown it: the last {sample.slates:,} pages of the home feed{since}"
    return Table("groups", caption, columns, rows, f"No home page was served lately. Up to {SLATES:,} are looked at.")


def _example_table(sample: Sample, *, may_see: bool) -> Table:
    rows = [
        [moment(at, url=reverse("staff:slate", args=[slate_id]) if may_see else ""), whole(position + 1)]
        for slate_id, at, position in sample.examples
    ]
    empty = "None of the home pages that were looked at showed it."
    return Table("examples", "The last pages that showed it", [Column("Served"), Column("Position", True)], rows, empty)


def _neighbour_tables(serving: Serving | None, found: Item, now: datetime) -> list[Table]:
    nearest = () if serving is None else alike(serving.funnel, found.pk)
    chosen = () if serving is None else covisited(serving.funnel, found.pk, now=now)
    titles = Item.objects.only("title").in_bulk([near.item_id for near in (*nearest, *chosen)])
    none = "No release is live. " if serving is None else ""
    without_vector = "An item without a vector has no neighbours. A worker makes vectors of new items each minute."
    unchosen = "Nobody had chosen it near another item when the release was trained."
    named = [Column("", True), Column("Item")]
    return [
        Table(
            "alike",
            "Nearest by vectors",
            [*named, Column("Cosine", True)],
            _neighbour_rows(nearest, titles),
            f"{none}{without_vector}",
        ),
        Table(
            "covisited",
            "Chosen by the same readers",
            [*named, Column("Score", True, "As the co-visitation source names it after this item alone")],
            _neighbour_rows(chosen, titles),
            f"{none}{unchosen}",
        ),
    ]


def _neighbour_rows(near: Sequence[Neighbour], titles: Mapping[int, Item]) -> list[list[Cell]]:
    return [
        [
            whole(rank),
            words(titles.get(each.item_id, f"deleted item {each.item_id}"), url=_address(each.item_id)),
            number(each.score),
        ]
        for rank, each in enumerate(near, start=1)
    ]


def _trail_table(found: Item) -> Table:
    done = StaffAction.objects.filter(about=about_item(found.pk))[:TRAIL]
    rows = [[moment(act.at), words(act.action), words(act.by), words(act.reason)] for act in done]
    columns = [Column("When"), Column("What"), Column("By"), Column("Why")]
    return Table("trail", "What staff did to it", columns, rows, "Nothing. Hiding and pinning are written down here.")


# --- what staff do ---


@staff_page(needs=ITEMS)
@require_POST
def hide(request: SiteRequest, item_id: int) -> HttpResponse:
    """`hidden`: 1 hides it, 0 shows it again."""
    found, wanted = _item(item_id), request.POST.get("hidden")
    if wanted not in {"0", "1"}:
        raise Http404("hidden is 0 or 1.")
    act, done = (
        (item_actions.hide_item, f"“{found}” is hidden: pages that are made from now on are without it.")
        if wanted == "1"
        else (item_actions.show_item, f"“{found}” may be shown again.")
    )
    return _done(
        request,
        item_id,
        done,
        lambda reason: act(found, by=operator(request), reason=reason, now=request.now),
    )


@staff_page(needs=ITEMS)
@require_POST
def pin(request: SiteRequest, item_id: int) -> HttpResponse:
    """`position`: from 1, as people count.  `lasts`: of `LASTS`."""
    found, position, lasts = _item(item_id), request.POST.get("position", ""), request.POST.get("lasts", "")
    if lasts not in LASTS or position not in {str(place) for place in range(1, PinnedItem.MOST + 1)}:
        raise Http404("There is no such position, or no such time.")
    text, time_left = LASTS[lasts]
    return _done(
        request,
        item_id,
        f"“{found}” stands at position {position} of the home feed, {text if not lasts else f'for {text}'}.",
        lambda reason: item_actions.pin_item(
            found,
            position=int(position) - 1,
            lasts=time_left,
            by=operator(request),
            reason=reason,
            now=request.now,
        ),
    )


@staff_page(needs=ITEMS)
@require_POST
def take_down(request: SiteRequest, pin_id: int) -> HttpResponse:
    found = get_object_or_404(PinnedItem.objects.select_related("item"), pk=_id(pin_id))
    return _done(
        request,
        found.item_id,
        f"“{found.item}” is pinned no more.",
        lambda reason: item_actions.take_down(found, by=operator(request), reason=reason, now=request.now),
    )


def _done(request: SiteRequest, item_id: int, done: str, act: Callable[[str], object]) -> HttpResponse:
    """Back to the item, with a sentence on what happened."""
    back = redirect("staff:item", item_id)
    reason = reason_given(request)
    if reason is None:
        messages.error(request, "Nothing was changed: say why, for whoever wonders next month.")
        return back
    try:
        act(reason)
    except NotDone as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
    return back


# --- small ---


def _item(item_id: int) -> Item:
    return get_object_or_404(Item.objects.for_cards(), pk=_id(item_id))


def _id(asked: int) -> int:
    """An address may hold a number that no row can have."""
    if asked > LARGEST_ID:
        raise Http404("There is no such number.")
    return asked


def _address(item_id: int) -> str:
    return reverse("staff:item", args=[item_id])


def _rate(rate: Interval) -> Cell:
    return share(rate.value, hint="" if rate.lower is None else f"95% interval: {rate.text}")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
