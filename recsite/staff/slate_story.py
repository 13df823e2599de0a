"""One slate as it was shown, and what became of it: read by primary keys, and by the index of its visit."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from catalog.models import Item
from feedback.models import Interaction, Slate, SlateDetail, View
from feedback.slates import Named
from feedback.surfaces import Surface
from feedback.uuid7 import first_uuid7
from feedback.visit_log import INTERACTIONS, SLATES, VIEWS, VisitLog
from feedback.visits import LONGEST_VISIT, VISIT_OVER_AFTER

_NO_TEACHER = "nothing: left out ({why})"


@dataclass(frozen=True)
class Act:
    """One interaction with an item of the slate in its visit, at whatever place of the site."""

    kind: str
    surface: str
    here: bool
    happened_at: datetime
    undone_at: datetime | None
    dwell_ms: int | None

    @property
    def stands(self) -> bool:
        return self.undone_at is None


@dataclass(frozen=True)
class ShownSlot:
    """title: None for an item that was deleted since.  label: what the slot teaches, in words."""

    position: int
    item_id: int
    title: str | None
    named_by: tuple[Named, ...]
    score: float | None
    propensity: float | None
    branch: int
    greedy_item_id: int
    viewed_at: datetime | None
    acts: tuple[Act, ...]
    label: str


@dataclass(frozen=True, eq=False)
class SlateStory:
    """detail: None where none was kept, or not any more.  visit: its slates in their order, this one among them.
    titles: of every item that the slate names and that is still there."""

    slate: Slate
    detail: SlateDetail | None
    slots: tuple[ShownSlot, ...]
    visit: tuple[Slate, ...]
    titles: dict[int, str] = field(default_factory=dict)

    @property
    def seen(self) -> int:
        return sum(slot.viewed_at is not None for slot in self.slots)

    @property
    def opened(self) -> int:
        return sum(any(act.kind == Interaction.Kind.CLICK and act.stands for act in slot.acts) for slot in self.slots)


def read_story(slate_id: uuid.UUID, *, now: datetime) -> SlateStory | None:
    """None for a slate that the log has not, or has no more."""
    slate = Slate.objects.filter(pk=slate_id).first()
    if slate is None:
        return None
    visit = slates_of_visit(slate)
    views = _views(visit)
    acts = list(Interaction.objects.filter(visit_id=slate.visit_id).order_by("happened_at", "pk"))
    titles = dict(Item.objects.filter(pk__in={*slate.items, *slate.greedy_items}).values_list("pk", "title"))
    labels = labels_of(slate, visit, views, acts, now=now)
    viewed = {view.position: view.viewed_at for view in views if view.slate_id == slate.id}
    named = named_by(slate)
    slots = tuple(
        ShownSlot(
            position=slate.first_position + index,
            item_id=item_id,
            title=titles.get(item_id),
            named_by=named[index],
            score=slate.scores[index],
            propensity=slate.propensities[index],
            branch=slate.branches[index],
            greedy_item_id=slate.greedy_items[index],
            viewed_at=viewed.get(slate.first_position + index),
            acts=tuple(_act(act, slate) for act in acts if act.item_id == item_id),
            label=labels[index],
        )
        for index, item_id in enumerate(slate.items)
    )
    detail = SlateDetail.objects.filter(pk=slate.id).first()
    return SlateStory(slate, detail, slots, visit, titles)


def slates_of_visit(slate: Slate) -> tuple[Slate, ...]:
    """In the order of serving. A visit has one reader id and ends, so few rows of the reader's are looked at."""
    around = Slate.objects.filter(
        reader_public_id=slate.reader_public_id,
        pk__gte=first_uuid7(slate.served_at - LONGEST_VISIT),
        pk__lt=first_uuid7(slate.served_at + LONGEST_VISIT),
        visit_id=slate.visit_id,
    )
    found = {each.pk: each for each in around.order_by("pk")}
    found.setdefault(slate.pk, slate)
    return tuple(found[pk] for pk in sorted(found))


def named_by(slate: Slate) -> list[tuple[Named, ...]]:
    """By slot, the sources that named the item; scores and ranks lie by slot and then by bit."""
    words = iter(zip(slate.source_scores, slate.source_ranks, strict=True))
    slots = []
    for bits in slate.slot_sources:
        sources = [source for bit, source in enumerate(slate.sources) if bits >> bit & 1]
        slots.append(tuple(Named(source, *next(words)) for source in sources))
    return slots


def labels_of(
    slate: Slate, visit: Sequence[Slate], views: Sequence[View], acts: Sequence[Interaction], *, now: datetime
) -> list[str]:
    """What each slot of `slate` teaches, by the rules of training, or why it teaches nothing yet.

    visit: all its slates; views, acts: of them.
    """
    if slate.excluded:
        return [_NO_TEACHER.format(why=slate.get_excluded_display())] * len(slate.items)
    latest = max(
        *(each.served_at for each in visit),
        *(view.viewed_at for view in views),
        *(act.happened_at for act in acts),
        slate.served_at,
    )
    if latest > now - VISIT_OVER_AFTER:
        return ["visit not over yet"] * len(slate.items)
    try:
        rows = _labelled([each for each in visit if not each.excluded], views, acts, now)
    except ValueError as wrong:  # a log that contradicts itself teaches nothing, and is no reason to show nothing
        return [f"nothing: {wrong}"] * len(slate.items)
    taught = {row["item_id"]: row for row in rows}
    return [
        _taught(taught.get(item_id), slate, slate.first_position + index) for index, item_id in enumerate(slate.items)
    ]


def _labelled(visit: Sequence[Slate], views: Sequence[View], acts: Sequence[Interaction], now: datetime) -> list[dict]:
    """Rows of `feedback.labels.LABELLED_VISITS`."""
    from feedback.labels import label_visits  # noqa: PLC0415 - loads polars, which no other page needs

    log = VisitLog(
        pa.Table.from_pylist([_slate_row(each) for each in visit], SLATES),
        pa.Table.from_pylist([_view_row(view) for view in views], VIEWS),
        pa.Table.from_pylist([_act_row(act) for act in acts], INTERACTIONS),
    )
    wanted = ["item_id", "slate_id", "position", "label", "gain", "kind"]
    return label_visits(log, until=now).select(wanted).to_pylist()


def _slate_row(slate: Slate) -> dict:
    """Without features: they do not decide a label."""
    ids = {name: getattr(slate, name).bytes for name in ("visit_id", "reader_public_id")}
    others = [name for name in SLATES.names if name not in {"slate_id", "feature_set", "features", *ids}]
    return _plain(slate, others) | ids | {"slate_id": slate.id.bytes, "feature_set": None, "features": b""}


def _view_row(view: View) -> dict:
    return _plain(view, ("position", "viewed_at", "received_at")) | {"slate_id": view.slate_id.bytes}


def _act_row(act: Interaction) -> dict:
    names = ("item_id", "kind", "happened_at", "received_at", "undo_received_at", "dwell_ms")
    visit = None if act.visit_id is None else act.visit_id.bytes
    return _plain(act, names) | {"visit_id": visit, "excluded": act.excluded is not None}


def _plain(row: object, names: Sequence[str]) -> dict:
    return {name: getattr(row, name) for name in names}


def _taught(row: dict | None, slate: Slate, position: int) -> str:
    if row is None:
        return "nothing"
    if row["slate_id"] != slate.id.bytes or row["position"] != position:
        return f"counted where it was shown again, at position {row['position']}"
    if row["label"] == "positive":
        return f"positive: {row['kind']}, gain {row['gain']}"
    return str(row["label"])


def _views(visit: Sequence[Slate]) -> list[View]:
    ids = [each.pk for each in visit]
    return list(View.objects.filter(slate_id__in=ids, slate_id__gte=ids[0], slate_id__lte=ids[-1]))


def _act(act: Interaction, slate: Slate) -> Act:
    surface = Surface(act.surface).label
    return Act(act.kind, surface, act.slate_id == slate.id, act.happened_at, act.undone_at, act.dwell_ms)
