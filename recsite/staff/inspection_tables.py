"""Tables of one run of the funnel: the same that its picture shows, and what does not fit into a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.urls import reverse

from ranking.explanation import Move
from ranking.reason_text import Names, reason_text
from recsite.page_explained import names_of
from recsite.staff.funnel_picture import ordinal, way_in_words
from recsite.staff.inspection import Inspection, Way
from recsite.staff.tables import Cell, Column, Table, number, share, whole, words
from recsite.staff.what_if import Comparison

TOP_OF_A_SOURCE = 20
TOP_OF_THE_ORDER = 60
MOST_REMOVED = 200
LINES_REMOVED = 24
"""Of so many removed items the picture has a line."""


@dataclass(frozen=True)
class Titles:
    """What items are called, and where staff see more of each."""

    names: Names

    def of(self, item_id: int) -> str:
        return self.names.items.get(item_id, f"deleted item {item_id}")

    def cell(self, item_id: int) -> Cell:
        return words(self.of(item_id), url=item_url(item_id), hint=f"item {item_id}")


def item_url(item_id: int) -> str:
    return f"{_items_page()}{item_id}/"


@lru_cache(maxsize=1)
def _items_page() -> str:
    """Django takes longer to find an address than to find an item, and a page names hundreds."""
    return reverse("staff:items")


def titles_for(inspections: Iterable[Inspection], more: Iterable[int] = ()) -> Titles:
    """One query for all that the tables name."""
    item_ids, why = set(more), []
    for inspection in inspections:
        item_ids |= {*inspection.item_ids, *inspection.order[:TOP_OF_THE_ORDER]}
        item_ids |= {item_id for run in inspection.sources for item_id in run.item_ids[:TOP_OF_A_SOURCE]}
        item_ids |= {*list(inspection.removed)[:MOST_REMOVED]}
        item_ids |= {item_id for item_id, _ in inspection.exploration.pool}
        why += [slot.reason for slot in inspection.slots]
    return Titles(names_of(sorted(item_ids), why))


def inspection_tables(inspection: Inspection, titles: Titles) -> list[Table]:
    return [
        page_table(inspection, titles),
        sources_table(inspection),
        named_table(inspection, titles),
        reasons_table(inspection),
        removed_table(inspection, titles),
        order_table(inspection, titles),
        chances_table(inspection, titles),
        pool_table(inspection, titles),
    ]


def page_table(inspection: Inspection, titles: Titles) -> Table:
    stays = {chance.position: chance.stays for chance in inspection.exploration.slots}
    rows = []
    for slot in inspection.slots:
        way = slot.way
        rows.append(
            [
                whole(slot.position + 1),
                titles.cell(slot.item_id),
                words(_named(way), hint=way_in_words(way)),
                whole(None if way is None or way.by_fusion is None else way.by_fusion + 1),
                whole(None if way is None or way.by_score is None else way.by_score + 1),
                words(_moves(slot.moves)),
                number(None if way is None else way.score, 4),
                share(stays.get(slot.position)),
                words(reason_text(slot.reason, titles.names)),
            ]
        )
    columns = [
        Column("Place", numeric=True, hint="On the page, from 1"),
        Column("Item"),
        Column("Named by", hint="Each source, with the item's place there"),
        Column("By fusion", numeric=True, hint="Place when the sources alone decide, among all that filters left"),
        Column("By score", numeric=True, hint="Place when the ranker alone decides"),
        Column("Moved by", hint="What moved it between its place by score and its place on the page"),
        Column("Score", numeric=True),
        Column("Stays", numeric=True, hint="Probability that exploration leaves it here"),
        Column("What the reader is told"),
    ]
    return Table("page", "The page, place by place", columns, rows, "The page is empty.")


def sources_table(inspection: Inspection) -> Table:
    rows = [
        [
            words(run.title),
            words("the reader" if run.is_of_the_reader else "everybody"),
            whole(len(run.item_ids)),
            whole(run.alone),
            whole(run.on_slate),
        ]
        for run in inspection.sources
    ]
    columns = [
        Column("Source"),
        Column("Looks at"),
        Column("Named", numeric=True),
        Column("Alone", numeric=True, hint="Items that no other source named"),
        Column("On the page", numeric=True),
    ]
    return Table("sources", "What each source named", columns, rows)


def named_table(inspection: Inspection, titles: Titles) -> Table:
    rows = [
        [
            words(run.title),
            whole(place + 1),
            titles.cell(item_id),
            number(run.scores[place], 4),
            words(_became(inspection.way(item_id))),
        ]
        for run in inspection.sources
        for place, item_id in enumerate(run.item_ids[:TOP_OF_A_SOURCE])
    ]
    columns = [
        Column("Source"),
        Column("Place there", numeric=True),
        Column("Item"),
        Column("Its score there", numeric=True, hint="In the source's own unit: comparable within one source only"),
        Column("What became of it"),
    ]
    empty = "No source named anything. The catalogue may be empty."
    return Table("named", f"The first {TOP_OF_A_SOURCE} of each source", columns, rows, empty)


def reasons_table(inspection: Inspection) -> Table:
    """Both kinds of removal: sources pass over what the reader is done with, filters take out the rest."""
    rows = [
        [words(_said(reason)), whole(count), words("the sources pass over them")]
        for reason, count in inspection.kept_out.items()
    ]
    rows += [
        [words(_said(reason)), whole(len(item_ids)), words("filters took them out of the union")]
        for reason, item_ids in inspection.removed_by_reason.items()
    ]
    columns = [Column("Why"), Column("Items", numeric=True), Column("How")]
    return Table("reasons", "What is kept from this reader", columns, rows, "Nothing is kept from this reader.")


def removed_table(inspection: Inspection, titles: Titles) -> Table:
    removed = list(inspection.removed.items())
    rows = [
        [titles.cell(item_id), words(_said(reason)), words(_named(inspection.way(item_id)))]
        for item_id, reason in removed[:MOST_REMOVED]
    ]
    caption = "Removed by filters"
    if len(removed) > MOST_REMOVED:
        caption += f": the first {MOST_REMOVED} of {len(removed):,}"
    columns = [Column("Item"), Column("Why"), Column("Named by")]
    return Table("removed", caption, columns, rows, "Filters removed nothing that the sources named.")


def order_table(inspection: Inspection, titles: Titles) -> Table:
    rows = []
    for item_id in inspection.order[:TOP_OF_THE_ORDER]:
        way = inspection.way(item_id)
        if way is None or way.by_score is None or way.by_fusion is None:
            continue
        rows.append(
            [
                whole(way.by_score + 1),
                titles.cell(item_id),
                number(way.score, 4),
                whole(way.by_fusion + 1),
                Cell(_signed(way.by_fusion - way.by_score), way.by_fusion - way.by_score),
                whole(None if way.position is None else way.position + 1),
            ]
        )
    columns = [
        Column("By score", numeric=True),
        Column("Item"),
        Column("Score", numeric=True),
        Column("By fusion", numeric=True),
        Column("Ranker moved it", numeric=True, hint="Up is positive"),
        Column("Place on the page", numeric=True, hint="A dash: caps keep it for a later page, or the page was full"),
    ]
    return Table(
        "order", f"The ranker's order: the first {len(rows)}", columns, rows, "Nothing was left to be put in order."
    )


def chances_table(inspection: Inspection, titles: Titles) -> Table:
    exploration = inspection.exploration
    rows = [
        [
            whole(chance.position + 1),
            titles.cell(chance.item_id),
            share(chance.stays),
            share(chance.of_pool),
            share(chance.of_outside),
        ]
        for chance in exploration.slots
    ]
    columns = [
        Column("Place", numeric=True),
        Column("Item without exploration"),
        Column("Stays", numeric=True, hint="Probability that it stands here, by whatever way it comes"),
        Column("Drawn from the pool", numeric=True, hint="Probability that the slot draws one of the best candidates"),
        Column("Drawn from outside", numeric=True, hint="Probability that the slot takes an item that no source named"),
    ]
    return Table("chances", "What exploration would leave of each place", columns, rows, "The page is empty.")


def pool_table(inspection: Inspection, titles: Titles) -> Table:
    rows = [
        [titles.cell(item_id), share(chance, 2), words(_became(inspection.way(item_id)))]
        for item_id, chance in sorted(inspection.exploration.pool, key=lambda pair: -pair[1])
    ]
    columns = [
        Column("Item"),
        Column("Chance of the first place", numeric=True),
        Column("Without exploration"),
    ]
    empty = "Exploration is off: EXPLORATION_SHARE is 0."
    return Table("pool", "What the first place could be drawn from", columns, rows, empty)


def comparison_table(comparison: Comparison, titles: Titles, after: Inspection | None = None) -> Table:
    rows = []
    for moved in comparison.moved:
        why = "" if after is None or moved.after is not None else _became(after.way(moved.item_id), absent="not named")
        rows.append(
            [
                whole(None if moved.after is None else moved.after + 1),
                titles.cell(moved.item_id),
                whole(None if moved.before is None else moved.before + 1),
                words(moved.in_words),
                words(why),
            ]
        )
    columns = [
        Column("Would stand at", numeric=True),
        Column("Item"),
        Column("Stands at", numeric=True),
        Column("Change"),
        Column("Why it left"),
    ]
    return Table("compared", "Side by side", columns, rows, "Both pages are empty.")


def stages_table(before: Inspection, after: Inspection) -> Table:
    """What each stage counts, as it is and as it would be."""
    counts: list[tuple[str, int, int]] = [
        (f"{one.title} named", len(one.item_ids), len(other.item_ids))
        for one, other in zip(before.sources, after.sources, strict=True)
    ]
    counts += [
        ("union", len(before.page.named), len(after.page.named)),
        ("removed by filters", len(before.removed), len(after.removed)),
        ("put in order", len(before.order), len(after.order)),
    ]
    rows = [
        [words(name), whole(was), whole(becomes), Cell(_signed(becomes - was), becomes - was)]
        for name, was, becomes in counts
    ]
    columns = [
        Column("Stage"),
        Column("As it is", numeric=True),
        Column("As it would be", numeric=True),
        Column("Change", numeric=True),
    ]
    return Table("stages", "Stage by stage", columns, rows)


# --- cells ---


def _named(way: Way | None) -> str:
    if way is None:
        return "placed by hand"
    return ", ".join(f"{_said(name)} {place + 1}" for name, place in way.named_by)


def _became(way: Way | None, *, absent: str = "") -> str:
    if way is None:
        return absent
    if way.removed is not None:
        return f"removed: {_said(way.removed)}"
    if way.position is not None:
        return f"place {way.position + 1} of the page"
    return f"{ordinal(way.by_score or 0)} by score, not on this page"


def _moves(moves: Sequence[Move]) -> str:
    """`caps 9 → 7`: of its place by score, and after each step that changed it."""
    return ", ".join(f"{move.by} {_place(move.before)} → {_place(move.after)}" for move in moves)


def _place(position: int | None) -> str:
    return "next page" if position is None else str(position + 1)


def _signed(value: int) -> str:
    return f"{value:+,}" if value else "0"


def _said(name: str) -> str:
    return name.replace("_", " ")


def removed_with_lines(inspection: Inspection) -> list[int]:
    """Some removed items for the picture: of every reason the best by fusion, in turn."""
    by_reason: Mapping[str, tuple[int, ...]] = inspection.removed_by_reason
    if not by_reason:
        return []
    each = max(1, LINES_REMOVED // len(by_reason))
    return [item_id for item_ids in by_reason.values() for item_id in item_ids[:each]]
