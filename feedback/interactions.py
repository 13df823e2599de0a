"""Recording what a reader did, and taking it back."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Greatest

from catalog.models import Author, Item, Reader, Topic
from feedback.buckets import reader_bucket
from feedback.interaction_rows import InteractionRow, insert_interactions
from feedback.kinds import STANDING, Kind
from feedback.models import Interaction
from feedback.surfaces import Surface
from feedback.tokens import Token

SAME_CLICK = timedelta(minutes=30)
"""Opening an item again within a visit (reload, back and forward) is the same click."""

About = Item | Topic | Author


@dataclass(frozen=True)
class Origin:
    """Where an interaction came from: a slot of a slate, or nowhere that we showed (`direct`).

    reader_bucket: of the reader id that the visit began with; None takes that of the reader.
    excluded: one of `Excluded`, when it teaches nothing.
    """

    surface: str = Surface.DIRECT
    slate_id: uuid.UUID | None = None
    position: int | None = None
    visit_id: uuid.UUID | None = None
    reader_bucket: int | None = None
    event_id: uuid.UUID | None = None
    excluded: str | None = None

    @classmethod
    def of_token(cls, token: Token, *, event_id: uuid.UUID | None = None, excluded: str | None = None) -> Origin:
        return cls(
            surface=token.surface,
            slate_id=token.slate_id,
            position=token.position,
            visit_id=token.visit_id,
            reader_bucket=token.reader_bucket,
            event_id=event_id,
            excluded=excluded,
        )

    def fields(self, reader: Reader) -> dict[str, Any]:
        """Columns of an interaction by `reader`."""
        bucket = reader_bucket(reader.public_id) if self.reader_bucket is None else self.reader_bucket
        return {
            "reader_id": reader.pk,
            "surface": self.surface,
            "slate_id": self.slate_id,
            "position": self.position,
            "visit_id": self.visit_id,
            "reader_bucket": bucket,
            "event_id": self.event_id,
            "excluded": self.excluded,
        }


DIRECT = Origin()


def record_click(*, reader: Reader, item: Item, now: datetime, origin: Origin = DIRECT) -> None:
    """Remember that `reader` opened `item`. Safe to repeat."""
    # The same card again is the same click, however late; another card of the item is another one.
    same: dict[str, Any] = {"slate_id": origin.slate_id, "position": origin.position}
    if origin.slate_id is None:
        same = {"happened_at__gt": now - SAME_CLICK}
    if not Interaction.objects.standing().filter(reader=reader, kind=Kind.CLICK, item=item, **same).exists():
        Interaction.objects.create(
            kind=Kind.CLICK, item=item, happened_at=now, received_at=now, **origin.fields(reader)
        )


def record_search(*, reader: Reader, query: str, now: datetime, origin: Origin = DIRECT) -> None:
    """Remember what `reader` searched for: once a visit for the same words."""
    asked = Interaction.objects.filter(reader=reader, kind=Kind.SEARCH, query=query, happened_at__gt=now - SAME_CLICK)
    if not asked.exists():
        Interaction.objects.create(
            kind=Kind.SEARCH, query=query, happened_at=now, received_at=now, **origin.fields(reader)
        )


def record_state(
    *,
    reader: Reader,
    kind: Kind,
    about: About,
    now: datetime,
    received_at: datetime | None = None,
    origin: Origin = DIRECT,
) -> bool:
    """Begin a state that lasts until it is taken back. False when it stands already: two tabs may race here.

    `now` is when it happened; it reached us at `received_at`, if that was later. Following changes the reader's profile
    too. Raises ValueError for a kind that is not a state.
    """
    if kind not in STANDING:
        raise ValueError(f"{kind} is not a state: it cannot stand.")
    ids: dict[str, Any] = {f"{name}_id": row.pk for name, row in _named(about).items()}
    act = InteractionRow(kind=kind, happened_at=now, received_at=received_at or now, **ids, **origin.fields(reader))
    with transaction.atomic():
        began = bool(insert_interactions([act]))
        if kind == Kind.FOLLOW:
            _change_profile(reader, about, follows=True)
    return began


def take_back(
    *,
    reader: Reader,
    kind: Kind,
    about: About,
    now: datetime,
    event_id: uuid.UUID | None = None,
    latest_only: bool = False,
) -> bool:
    """End a state, or take clicks out of the reader's history: all on the item, or the latest. False when there was
    none."""
    acts = Interaction.objects.standing().filter(reader=reader, kind=kind, **_named(about))
    if latest_only:
        acts = Interaction.objects.filter(pk__in=acts.order_by("-happened_at", "-pk").values("pk")[:1])
    with transaction.atomic():
        if kind == Kind.FOLLOW:
            _change_profile(reader, about, follows=False)
        return _mark_undone(acts, now, event_id) > 0


def redo_click(*, reader: Reader, interaction_id: int) -> bool:
    """Put back what `undo_click` took out, and only that. False if there is no such click of this reader."""
    click = Interaction.objects.filter(reader=reader, kind=Kind.CLICK, pk=interaction_id).first()
    if click is None:
        return False
    if click.undone_at is not None:
        Interaction.objects.filter(
            reader=reader, kind=Kind.CLICK, item=click.item_id, undone_at=click.undone_at
        ).update(undone_at=None, undo_received_at=None, undo_event_id=None)
    return True


def _named(about: About) -> dict[str, About]:
    if isinstance(about, Item):
        return {"item": about}
    return {"topic": about} if isinstance(about, Topic) else {"author": about}


def _change_profile(reader: Reader, about: About, *, follows: bool) -> None:
    followed = reader.followed_topics if isinstance(about, Topic) else reader.followed_authors
    (followed.add if follows else followed.remove)(about)  # type: ignore[arg-type]


def _mark_undone(interactions: QuerySet[Interaction], now: datetime, event_id: uuid.UUID | None = None) -> int:
    """Nothing is taken back before it happened: a client's clock may have been ahead by a little."""
    undone_at = Greatest("happened_at", Value(now))
    return interactions.update(undone_at=undone_at, undo_received_at=now, undo_event_id=event_id)
