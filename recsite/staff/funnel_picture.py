"""The funnel drawn: one flow from the sources to the page, and every item's line through it.

One item has the same height everywhere but on the page, so heights can be compared by eye. Where several sources named
an item, each brings an equal part of it to the union: the parts add up to the items of the union, and a source whose
ribbon narrows named what others named too. A bar that reorders is wide: lines cross inside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from recsite.staff.inspection import Inspection, SourceRun, Way

WIDTH = 1000
HEAD = 64
FOOT = 16
ROW = 22
LEAST_BODY = 20 * ROW
MOST_ITEM = 6.0
"""Height of an item at most: a handful of candidates should not fill the picture."""
UNION_SHARE = 0.72
"""Of the picture's height, at most, for the union: what is removed needs room below."""

LABEL_X, SOURCE_X, UNION_X, FILTER_X, ORDER_X, SLATE_X, TITLE_X = 148, 158, 328, 470, 594, 742, 776
NARROW, WIDE, TICK = 8, 48, 3
SOURCE_GAP, LEAST_SOURCE = 10.0, 16.0
REMOVED_GAP, LEAST_REMOVED = 26.0, 20.0
TITLE_CHARS = 30
BASELINE = 4.5
"""So far below its middle a line of text of this size has its foot."""


@dataclass(frozen=True)
class Bar:
    """text, count: beside it, at `text_y`.  is_of_the_reader: of a source."""

    x: float
    y: float
    width: float
    height: float
    text: str = ""
    count: int = 0
    is_of_the_reader: bool = False

    @property
    def text_y(self) -> float:
        return round(self.y + self.height / 2 + BASELINE, 1)

    @property
    def text_x(self) -> float:
        """To its right."""
        return round(self.x + self.width + 10, 1)


@dataclass(frozen=True)
class Ribbon:
    """A flow between two bars. d: an SVG path, closed.  kind: of what it is, a class of the style sheet."""

    d: str
    kind: str


@dataclass(frozen=True)
class Line:
    """One item's way. lines: SVG paths, one for each source that named it up to the union, then one for the rest.

    number: as people count, from 1; None for an item that was removed.  words: the same way, said.
    """

    item_id: int
    lines: tuple[str, ...]
    words: str
    title: str
    url: str
    number: int | None
    y: float

    @property
    def short_title(self) -> str:
        return self.title if len(self.title) <= TITLE_CHARS else f"{self.title[: TITLE_CHARS - 1].rstrip()}…"

    @property
    def text_y(self) -> float:
        return round(self.y + BASELINE, 1)

    @property
    def hit_y(self) -> float:
        return round(self.y - ROW / 2, 1)


@dataclass(frozen=True)
class Head:
    """Of a stage: its name and what it counts."""

    x: float
    name: str
    count: str


@dataclass(frozen=True)
class FunnelPicture:
    """item: height of one item, in units of the picture."""

    height: float
    item: float
    heads: tuple[Head, ...]
    sources: tuple[Bar, ...]
    ribbons: tuple[Ribbon, ...]
    union: Bar
    kept: Bar
    removed: tuple[Bar, ...]
    order: Bar
    lens: str
    lines: tuple[Line, ...]
    removed_lines: tuple[Line, ...]
    words: str

    @property
    def width(self) -> int:
        return WIDTH

    @property
    def label_x(self) -> int:
        return LABEL_X

    @property
    def slate_x(self) -> int:
        return SLATE_X

    @property
    def number_x(self) -> int:
        return TITLE_X - 8

    @property
    def title_x(self) -> int:
        return TITLE_X

    @property
    def row(self) -> int:
        return ROW

    @property
    def hit_width(self) -> int:
        return WIDTH - SLATE_X


def picture_of(
    inspection: Inspection, *, titles: Mapping[int, str], urls: Mapping[int, str], removed: Sequence[int] = ()
) -> FunnelPicture:
    """titles, urls: of the page's items and of `removed`, some items that filters took out, whose lines are drawn too.

    One that has no title was deleted a moment ago.
    """
    plan = _Plan(inspection)
    slots = [(slot.position, slot.item_id, slot.way) for slot in inspection.slots]
    lines = tuple(
        Line(
            item_id,
            plan.lines(way, to_y=plan.slot_y(index)) if way else (),
            way_in_words(way),
            titles.get(item_id, f"item {item_id}"),
            urls[item_id],
            position + 1,
            plan.slot_y(index),
        )
        for index, (position, item_id, way) in enumerate(slots)
    )
    found = ((item_id, inspection.way(item_id)) for item_id in removed)
    removed_lines = tuple(
        Line(
            item_id,
            plan.lines(way),
            way_in_words(way),
            titles.get(item_id, f"item {item_id}"),
            urls[item_id],
            None,
            plan.union_out(item_id),
        )
        for item_id, way in found
        if way is not None and way.removed is not None
    )
    return FunnelPicture(
        height=HEAD + plan.body + FOOT,
        item=plan.item,
        heads=_heads(inspection),
        sources=tuple(plan.source_bars.values()),
        ribbons=plan.ribbons(),
        union=plan.union,
        kept=plan.kept,
        removed=tuple(plan.removed_bars.values()),
        order=plan.order,
        lens=plan.lens(),
        lines=lines,
        removed_lines=removed_lines,
        words=funnel_in_words(inspection),
    )


# --- in words ---


def way_in_words(way: Way | None) -> str:
    """What the lines show, as one sentence."""
    if way is None:
        return "Placed here by hand: no source had to name it."
    named = ", ".join(f"{name.replace('_', ' ')} ({ordinal(place)})" for name, place in way.named_by)
    if way.removed is not None or way.by_fusion is None or way.by_score is None:
        return f"Named by {named}; removed: {(way.removed or '').replace('_', ' ')}."
    end = "not on this page" if way.position is None else f"place {way.position + 1} of the page"
    return f"Named by {named}; {ordinal(way.by_fusion)} by fusion, {ordinal(way.by_score)} by score; {end}."


def funnel_in_words(inspection: Inspection) -> str:
    named, left, shown = len(inspection.page.named), len(inspection.order), len(inspection.item_ids)
    asked = [run for run in inspection.sources if run.item_ids]
    return (
        f"{len(asked)} of {len(inspection.sources)} sources named {sum(len(run.item_ids) for run in asked):,} items, "
        f"{named:,} different ones. Filters removed {len(inspection.removed):,}; {left:,} were put in order; "
        f"{shown} are on the page."
    )


def ordinal(place: int) -> str:
    """0 is 1st."""
    number = place + 1
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def _heads(inspection: Inspection) -> tuple[Head, ...]:
    named = sum(len(run.item_ids) for run in inspection.sources)
    removed = len(inspection.removed)
    return (
        Head(SOURCE_X + NARROW, "Sources", f"{named:,} named"),
        Head(UNION_X, "Union", f"{len(inspection.page.named):,} different"),
        Head(FILTER_X, "Filters", f"{removed:,} removed" if removed else "none removed"),
        Head(ORDER_X, "Order", f"{len(inspection.order):,} scored"),
        Head(SLATE_X, "Slate", f"{len(inspection.item_ids)} shown"),
    )


# --- places ---


class _Plan:
    """Where everything stands."""

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self._left = inspection.order
        self.body = max(LEAST_BODY, ROW * len(inspection.item_ids))
        self.item = self._item_height()

    # bars

    @cached_property
    def source_bars(self) -> dict[str, Bar]:
        runs, tall = self._inspection.sources, self._tall(self.item)
        y = HEAD + (self.body - tall) / 2
        bars = {}
        for run in runs:
            row = self._source_row(run, self.item)
            height = len(run.item_ids) * self.item
            top = y + (row - height) / 2
            bars[run.name] = Bar(
                SOURCE_X, _r(top), NARROW, _r(height), run.title, len(run.item_ids), run.is_of_the_reader
            )
            y += row + SOURCE_GAP
        return bars

    @cached_property
    def union(self) -> Bar:
        height = len(self._inspection.page.named) * self.item
        return Bar(UNION_X, _r(self._top), WIDE, _r(height), count=len(self._inspection.page.named))

    @cached_property
    def kept(self) -> Bar:
        return Bar(FILTER_X, _r(self._top), NARROW, _r(len(self._left) * self.item), count=len(self._left))

    @cached_property
    def removed_bars(self) -> dict[str, Bar]:
        y = self._top + len(self._left) * self.item
        bars = {}
        for reason, item_ids in self._inspection.removed_by_reason.items():
            y += REMOVED_GAP
            height = len(item_ids) * self.item
            bars[reason] = Bar(FILTER_X, _r(y), NARROW, _r(height), reason.replace("_", " "), len(item_ids))
            y += max(height, LEAST_REMOVED) - LEAST_REMOVED / 2
        return bars

    @cached_property
    def order(self) -> Bar:
        return Bar(ORDER_X, _r(self._top), WIDE, _r(len(self._left) * self.item), count=len(self._left))

    @cached_property
    def _top(self) -> float:
        """Of the union and of all that flows on: the flow lies in the middle."""
        removed = self._inspection.removed_by_reason
        below = sum(REMOVED_GAP + max(len(ids) * self.item, LEAST_REMOVED) for ids in removed.values())
        tall = max(len(self._inspection.page.named) * self.item, len(self._left) * self.item + below)
        return HEAD + (self.body - tall) / 2

    # ribbons

    def ribbons(self) -> tuple[Ribbon, ...]:
        ribbons = []
        for run in self._inspection.sources:
            if not run.item_ids:
                continue
            bar = self.source_bars[run.name]
            top = self._union_tops[run.name]
            height = sum(self._parts[item_id] for item_id in run.item_ids) * self.item
            d = _ribbon((SOURCE_X + NARROW, bar.y, bar.height), (UNION_X, top, height))
            ribbons.append(Ribbon(d, "is-of-the-reader" if run.is_of_the_reader else "is-for-everybody"))
        return (*ribbons, *self._ribbons_on())

    def _ribbons_on(self) -> Iterator[Ribbon]:
        """From the union to the filters, and from what they left to the order."""
        begin, kept, order = UNION_X + WIDE, self.kept, self.order
        yield Ribbon(_ribbon((begin, kept.y, kept.height), (FILTER_X, kept.y, kept.height)), "is-kept")
        y = kept.y + kept.height
        for bar in self.removed_bars.values():
            yield Ribbon(_ribbon((begin, y, bar.height), (FILTER_X, bar.y, bar.height)), "is-removed")
            y += bar.height
        end = (ORDER_X, order.y, order.height)
        yield Ribbon(_ribbon((FILTER_X + NARROW, order.y, order.height), end), "is-kept")

    def lens(self) -> str:
        """From the part of the order that the page is taken from to the page, where an item is as high as a row."""
        places = [way.by_score for slot in self._inspection.slots if (way := slot.way) and way.by_score is not None]
        reach = (max(places) + 1) * self.item if places else 0.0
        return _ribbon((ORDER_X + WIDE, self._top, reach), (SLATE_X, self._slate_top, self._slate_height))

    # lines

    def lines(self, way: Way, *, to_y: float | None = None) -> tuple[str, ...]:
        """to_y: of its row on the page."""
        out = self.union_out(way.item_id)
        into = UNION_X + WIDE
        strands = []
        for name, place in way.named_by:
            begins = self.source_bars[name].y + (place + 0.5) * self.item
            arrives = self._union_tops[name] + self._arrivals[name][place] * self.item
            strands.append(
                f"M{SOURCE_X + NARROW} {_r(begins)}"
                f"{_curve(SOURCE_X + NARROW, begins, UNION_X, arrives)}{_curve(UNION_X, arrives, into, out)}"
            )
        if way.removed is not None:
            ends = self._removed_y(way)
            return (*strands, f"M{into} {_r(out)}{_curve(into, out, FILTER_X, ends)}H{FILTER_X + NARROW}")
        if way.by_score is None or to_y is None:
            return tuple(strands)
        scored = self._top + (way.by_score + 0.5) * self.item
        rest = (
            f"M{into} {_r(out)}H{ORDER_X}{_curve(ORDER_X, out, ORDER_X + WIDE, scored)}"
            f"{_curve(ORDER_X + WIDE, scored, SLATE_X, to_y)}H{SLATE_X + TICK}"
        )
        return (*strands, rest)

    def slot_y(self, index: int) -> float:
        return _r(self._slate_top + (index + 0.5) * ROW)

    def union_out(self, item_id: int) -> float:
        """Where it leaves the union: what is kept in fusion's order, then what is removed."""
        return self._top + (self._out_places[item_id] + 0.5) * self.item

    def _removed_y(self, way: Way) -> float:
        reason = way.removed or ""
        place = self._inspection.removed_by_reason[reason].index(way.item_id)
        return self.removed_bars[reason].y + (place + 0.5) * self.item

    @cached_property
    def _out_places(self) -> dict[int, int]:
        removed = self._inspection.removed_by_reason.values()
        ordered = [*self._inspection.fusion_order, *(item_id for ids in removed for item_id in ids)]
        return {item_id: place for place, item_id in enumerate(ordered)}

    @cached_property
    def _parts(self) -> dict[int, float]:
        """What each source that named an item brings of it."""
        times = Counter(item_id for run in self._inspection.sources for item_id in run.item_ids)
        return {item_id: 1 / count for item_id, count in times.items()}

    @cached_property
    def _union_tops(self) -> dict[str, float]:
        y, tops = self._top, {}
        for run in self._inspection.sources:
            tops[run.name] = y
            y += sum(self._parts[item_id] for item_id in run.item_ids) * self.item
        return tops

    @cached_property
    def _arrivals(self) -> dict[str, list[float]]:
        """How far into its source's part of the union each item's middle lies, in items."""
        return {
            run.name: list(_middles(self._parts[item_id] for item_id in run.item_ids))
            for run in self._inspection.sources
        }

    @property
    def _slate_height(self) -> float:
        return float(ROW * len(self._inspection.item_ids))

    @property
    def _slate_top(self) -> float:
        return HEAD + (self.body - self._slate_height) / 2

    # the scale

    def _item_height(self) -> float:
        """As high as the picture allows: sources one below the other, and the union with what is removed below it."""
        low, high = 0.0, MOST_ITEM
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self._fits(middle) else (low, middle)
        return low

    def _fits(self, item: float) -> bool:
        removed = self._inspection.removed_by_reason.values()
        below = sum(REMOVED_GAP + max(len(ids) * item, LEAST_REMOVED) for ids in removed)
        union = len(self._inspection.page.named) * item
        return (
            self._tall(item) <= self.body
            and union <= UNION_SHARE * self.body
            and len(self._left) * item + below <= self.body
        )

    def _tall(self, item: float) -> float:
        rows = [self._source_row(run, item) for run in self._inspection.sources]
        return sum(rows) + SOURCE_GAP * (len(rows) - 1)

    @staticmethod
    def _source_row(run: SourceRun, item: float) -> float:
        return max(len(run.item_ids) * item, LEAST_SOURCE)


def _middles(parts: Iterable[float]) -> Iterator[float]:
    reached = 0.0
    for part in parts:
        yield reached + part / 2
        reached += part


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    """Level at both ends."""
    middle = _r((x + to_x) / 2)
    return f"C{middle} {_r(y)} {middle} {_r(to_y)} {_r(to_x)} {_r(to_y)}"


Edge = tuple[float, float, float]
"""x, y of its upper end, height."""


def _ribbon(begin: Edge, end: Edge) -> str:
    x, y, height = begin
    to_x, to_y, to_height = end
    above = f"M{_r(x)} {_r(y)}{_curve(x, y, to_x, to_y)}"
    return f"{above}V{_r(to_y + to_height)}{_curve(to_x, to_y + to_height, x, y + height)}Z"


def _r(value: float) -> float:
    return round(value, 2)
