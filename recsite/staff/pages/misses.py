"""Which of the two stages loses what readers want?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.http import Http404, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_GET

from catalog.models import Topic
from feedback.surfaces import Surface
from recsite.counting.schedule import TODAY, counted_until
from recsite.requests import SiteRequest
from recsite.staff.access import PERSONAL, staff_page
from recsite.staff.answers import answer
from recsite.staff.charts import Chart, Series, Tile, spark_path
from recsite.staff.intervals import Interval
from recsite.staff.misses import ELSEWHERE, Board, By, Found, Outcome, newest_misses, read_board
from recsite.staff.tables import Cell, Column, Table, moment, whole, words

DAYS = (7, 30, 60)
USUAL_DAYS = 30
ANY = "any"
TOPICS_SHOWN = 50
EMPTY = (
    "Nobody opened anything in a visit with a feed in these days, or the job count-log has not counted it yet: "
    "it does so every few minutes."
)


@dataclass(frozen=True)
class Choice:
    """way: of `Surface`, "any", or "" for every way but the feed's own cards."""

    days: int
    way: str

    @property
    def ways(self) -> Sequence[str]:
        if self.way == ANY:
            return list(Surface)
        return [self.way] if self.way else ELSEWHERE

    @property
    def words(self) -> str:
        if self.way == ANY:
            return "in any way"
        return f"by {_way(self.way)}" if self.way else "elsewhere"


@staff_page
@require_GET
def misses(request: SiteRequest) -> HttpResponse:
    choice = _chosen(request.GET)
    as_of = counted_until(TODAY) or request.now
    board = read_board(last=request.now.astimezone(UTC).date(), days=choice.days, ways=choice.ways)
    may_see_readers = request.user.has_perm(PERSONAL)
    context = {
        "title": _title(board.all, choice),
        "tiles": _tiles(board),
        "choice": choice,
        "days": DAYS,
        "ways": [(ANY, "any way"), *((str(way), _way(way)) for way in Surface)],
        "detail_share": settings.SLATE_DETAIL_SHARE,
        "unknown": board.all.count(Outcome.UNKNOWN),
        "may_see_readers": may_see_readers,
    }
    tables = [_ways_table(board.by_way, choice), _topics_table(board.by_topic), _cold_table(board.by_cold)]
    if may_see_readers:
        tables.append(_examples_table(request.now, choice))
    charts = [_days_chart(board, as_of)]
    return answer(request, "staff/misses.html", context, tables=tables, charts=charts)


def _chosen(asked: QueryDict) -> Choice:
    days, way = asked.get("days") or str(USUAL_DAYS), asked.get("way", "")
    if days not in {str(one) for one in DAYS}:
        raise Http404(f"There are boards of {', '.join(str(one) for one in DAYS)} days, none of {days}.")
    if way not in {"", ANY, *Surface.values}:
        raise Http404(f"Nothing is opened by {way}. Ways are {', '.join(Surface.values)}.")
    return Choice(int(days), way)


def _title(found: Found, choice: Choice) -> str:
    missed, shown = found.type_1.value, found.shown.value
    if shown is None:
        return f"Nothing that readers opened {choice.words} has been counted in the last {choice.days} days."
    if missed is None:
        return f"{shown:.0%} of what readers opened {choice.words} had been shown; of the rest nothing is known."
    return f"{missed:.0%} of what readers opened {choice.words} had not been retrieved for them."


# --- tiles ---


def _tiles(board: Board) -> list[Tile]:
    found, days = board.all, range(len(board.days))
    low, removed = found.count(Outcome.RANKED_LOW), found.count(Outcome.REMOVED)

    def tile(label: str, share: str, interval: Interval, counted: str) -> Tile:
        spark = spark_path([found.of_day(day, share).value for day in days])
        return Tile(label, _percent(interval.value), f"{counted}{_bounds(interval)}", "#days", spark)

    return [
        tile("Type 1: not retrieved", "type_1", found.type_1, f"{found.count(Outcome.NOT_RETRIEVED):,} clicks"),
        tile("Type 2: retrieved, not shown", "type_2", found.type_2, f"{low:,} ranked low, {removed:,} removed"),
        tile("Shown", "shown", found.shown, f"{found.count(Outcome.SHOWN):,} of {found.clicks:,} clicks"),
        Tile(
            "Not known",
            f"{found.count(Outcome.UNKNOWN):,}",
            f"clicks; {settings.SLATE_DETAIL_SHARE:.0%} of slates keep their candidates",
            "#ways",
        ),
    ]


def _bounds(interval: Interval) -> str:
    if interval.lower is None or interval.upper is None:
        return ""
    return f"; {interval.lower:.1%} to {interval.upper:.1%}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


# --- over time ---


def _days_chart(board: Board, as_of: datetime) -> Chart:
    moments = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in board.days]
    series = [
        _along(name, share, board)
        for name, share in (("not retrieved", "type_1"), ("ranked low or removed", "type_2"), ("shown", "shown"))
    ]
    title = "What readers opened, by day (UTC), with 95% intervals"
    return Chart("days", title, "share", moments, series, as_of, empty=EMPTY)


def _along(name: str, share: str, board: Board) -> Series:
    rates = [board.all.of_day(day, share) for day in range(len(board.days))]
    return Series(name, [rate.value for rate in rates], [rate.lower for rate in rates], [rate.upper for rate in rates])


# --- tables ---

_COUNTED = (
    ("Shown", Outcome.SHOWN),
    ("Ranked low", Outcome.RANKED_LOW),
    ("Removed", Outcome.REMOVED),
    ("Not retrieved", Outcome.NOT_RETRIEVED),
    ("Not known", Outcome.UNKNOWN),
)


def _columns(head: str) -> list[Column]:
    return [
        Column(head),
        Column("Clicks", numeric=True),
        *(Column(name, numeric=True) for name, _ in _COUNTED),
        Column("Type 1", numeric=True, hint="Not retrieved, of all clicks, with a 95% interval from days."),
        Column("Type 2", numeric=True, hint="Ranked low or removed, of all clicks, with a 95% interval from days."),
    ]


def _row(first: Cell, found: Found) -> list[Cell]:
    counts = [whole(found.count(outcome)) for _, outcome in _COUNTED]
    shares = [Cell(share.text, share.value) for share in (found.type_1, found.type_2)]
    return [first, whole(found.clicks), *counts, *shares]


def _ways_table(by_way: By, choice: Choice) -> Table:
    rows = [
        _row(Cell(_way(str(way)), str(way), f"?days={choice.days}&way={way}"), found) for way, found in by_way.items()
    ]
    return Table("ways", "By the way in which it was opened", _columns("Way"), rows, EMPTY)


def _topics_table(by_topic: By) -> Table:
    """The most opened first; the rest is in none."""
    kept = list(by_topic.items())[:TOPICS_SHOWN]
    topics = Topic.objects.in_bulk([int(topic) for topic, _ in kept])
    rows = [_row(_topic_cell(int(topic), topics), found) for topic, found in kept]
    return Table("topics", "By the item's first topic", _columns("Topic"), rows, EMPTY)


def _topic_cell(number: int, topics: Mapping[int, Topic]) -> Cell:
    if not number:
        return words("no topic")
    topic = topics.get(number)
    if topic is None:
        return words(f"deleted topic {number}")
    return words(topic.name, url=reverse("topic", args=[topic.slug]))


def _cold_table(by_cold: By) -> Table:
    names = {
        True: words("new to it", hint="Nobody had chosen the item before the release was trained."),
        False: words("known to it"),
    }
    rows = [_row(names[bool(cold)], found) for cold, found in by_cold.items()]
    return Table("cold", "By what the release knew of the item", _columns("The item was"), rows, EMPTY)


def _examples_table(now: datetime, choice: Choice) -> Table:
    columns = [Column("Opened"), Column("By"), Column("Item"), Column("Reader"), Column("The feed before it")]
    rows = [
        [
            moment(miss.at),
            words(_way(miss.way)),
            words(miss.title, url=reverse("staff:item", args=[miss.item_id])),
            words(str(miss.reader)[:8], url=reverse("staff:reader", args=[miss.reader])),
            words("slate", url=reverse("staff:slate", args=[miss.slate_id])),
        ]
        for miss in newest_misses(now=now, ways=choice.ways)
    ]
    empty = "Among the newest interactions there is no click on what was not retrieved."
    return Table("examples", "Newest clicks on what was not retrieved", columns, rows, empty)


def _way(way: str) -> str:
    """As a sentence has it."""
    return {
        Surface.HOME: "a card of the feed",
        Surface.SIMILAR: "similar items",
        Surface.TOPIC: "a topic page",
        Surface.SEARCH: "search",
        Surface.DIRECT: "a direct link",
    }[Surface(way)]
