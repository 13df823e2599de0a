"""Writing what was reported: views, and what was done; nearly always in one round trip.

A report of which nothing is known yet is written by one function of the database, all of it or nothing. One that holds
a repeat, or an item that is gone, is written as one text of statements that leave those out. Only a follow or an undo,
which change more than one row, need a transaction of several trips.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from catalog.models import Author, Item, Reader, Topic
from feedback.array_text import array_text
from feedback.buckets import reader_bucket
from feedback.event_forms import VIEW, Event, Named, Sender
from feedback.interaction_rows import NUM_NEW_COLUMNS, InteractionRow, insertion, new_columns
from feedback.interactions import About, Origin, record_state, take_back
from feedback.kinds import Kind
from feedback.models import Interaction
from feedback.surfaces import Surface

Numbered = tuple[int, Event]
"""An event and its place in the report."""


def write_events(events: Sequence[Event], sender: Sender, now: datetime) -> list[str]:
    """An outcome each: accepted, duplicate, or the reason of a refusal. Raises DatabaseError when none is written."""
    numbered = list(enumerate(events))
    outcomes = _Writer(sender, now, _targets(events)).write(
        views=[(number, event) for number, event in numbered if event.kind == VIEW],
        acts=[(number, event) for number, event in numbered if event.kind != VIEW],
    )
    return [outcomes[number] for number in range(len(events))]


class _Writer:
    """Writes one report of one reader."""

    def __init__(self, sender: Sender, now: datetime, targets: dict[Named, Topic | Author]) -> None:
        self._reader: Reader = sender.reader()
        self._sender = sender
        self._now = now
        self._targets = targets

    def write(self, *, views: Sequence[Numbered], acts: Sequence[Numbered]) -> dict[int, str]:
        outcomes = {number: "unknown_target" for number, event in acts if self._lacks_target(event)}
        runs = [
            (is_plain, list(run))
            for is_plain, run in groupby(
                [(number, event) for number, event in acts if number not in outcomes],
                key=lambda numbered: _is_plain(numbered[1]),
            )
        ]
        first = runs.pop(0)[1] if runs and runs[0][0] else []
        if not runs and self._write_new(views, first):
            return outcomes | {number: "accepted" for number, _ in (*views, *first)}
        with transaction.atomic() if runs else nullcontext():
            outcomes |= self._insert(views, first)
            for is_plain, run in runs:
                outcomes |= self._insert([], run) if is_plain else self._change(run)
        return outcomes

    def _lacks_target(self, event: Event) -> bool:
        return event.about is not None and event.about[0] != "item" and event.about not in self._targets

    def _write_new(self, views: Sequence[Numbered], acts: Sequence[Numbered]) -> bool:
        """One round trip, one transaction. False, with nothing written, where something stands already or is gone."""
        if not views and not acts:
            return True
        rows = [self._row(event) for _, event in acts]
        values = self._view_values(views) if views else [self._now, *_NO_VIEWS]
        values += [self._reader.pk, *new_columns(rows)]
        with connection.cursor() as cursor:
            cursor.execute(_WRITE_NEW, values)
            (written,) = cursor.fetchone()
        return bool(written)

    def _insert(self, views: Sequence[Numbered], acts: Sequence[Numbered]) -> dict[int, str]:
        """One round trip. The whole text is one transaction, also without one around it."""
        statements = ["SET LOCAL synchronous_commit = on"]
        values: list[Any] = []
        if views:
            statements.append(_INSERT_VIEWS)
            values += self._view_values(views)
        if acts:
            statement, columns = insertion([self._row(event) for _, event in acts])
            statements.append(statement)
            values += columns
        with connection.cursor() as cursor:
            cursor.execute(";".join(statements), values)
            outcomes = _view_outcomes(views, _next_rows(cursor)) if views else {}
            if acts:
                outcomes |= self._act_outcomes(acts, _next_rows(cursor))
        return outcomes

    def _view_values(self, views: Sequence[Numbered]) -> list[Any]:
        tokens = [event.token for _, event in views if event.token is not None]
        return [
            self._now,
            array_text([token.slate_id.hex for token in tokens]),
            array_text([token.position for token in tokens]),
            array_text([token.item_id for token in tokens]),
            array_text([event.happened_at for _, event in views]),
        ]

    def _act_outcomes(self, acts: Sequence[Numbered], rows: Iterable[tuple[Any, ...]]) -> dict[int, str]:
        new = Counter(event_id for (event_id,) in rows)
        outcomes = {}
        for number, event in acts:
            key = event.key
            outcomes[number] = "accepted" if new[key] > 0 else "duplicate"
            new[key] -= 1
        left_out = [(number, event.about) for number, event in acts if outcomes[number] == "duplicate" and event.about]
        items = {about[1] for _, about in left_out if about[0] == "item"}
        gone = items - set(Item.objects.filter(pk__in=items).values_list("pk", flat=True)) if items else set()
        return outcomes | {
            number: "unknown_item" for number, about in left_out if about[0] == "item" and about[1] in gone
        }

    def _row(self, event: Event) -> InteractionRow:
        token = event.token
        item, topic, author = self._about(event)
        return InteractionRow(
            reader_id=self._reader.pk,
            reader_bucket=reader_bucket(self._reader.public_id) if token is None else token.reader_bucket,
            kind=event.kind,
            happened_at=event.happened_at,
            received_at=self._now,
            item_id=item,
            topic_id=topic,
            author_id=author,
            query=event.query,
            dwell_ms=event.dwell_ms,
            event_id=event.key,
            surface=Surface.DIRECT if token is None else token.surface,
            slate_id=None if token is None else token.slate_id,
            position=None if token is None else token.position,
            visit_id=self._sender.visit_id if token is None else token.visit_id,
            excluded=self._sender.excluded,
        )

    def _about(self, event: Event) -> tuple[int | None, int | None, int | None]:
        """The keys of the item, the topic and the author, of which one is there, or none."""
        if event.about is None:
            return None, None, None
        what, name = event.about
        if isinstance(name, int):
            return name, None, None
        key: int = self._targets[event.about].pk
        return (None, key, None) if what == "topic" else (None, None, key)

    def _origin(self, event: Event) -> Origin:
        if event.token is not None:
            return Origin.of_token(event.token, event_id=event.key, excluded=self._sender.excluded)
        return Origin(visit_id=self._sender.visit_id, event_id=event.key, excluded=self._sender.excluded)

    def _change(self, run: Sequence[Numbered]) -> dict[int, str]:
        return {number: self._undo(event) if event.undo else self._follow(event) for number, event in run}

    def _follow(self, event: Event) -> str:
        began = record_state(
            reader=self._reader,
            kind=Kind.FOLLOW,
            about=self._target(event),
            now=event.happened_at,
            received_at=self._now,
            origin=self._origin(event),
        )
        return "accepted" if began else "duplicate"

    def _undo(self, event: Event) -> str:
        if Interaction.objects.filter(reader=self._reader, undo_event_id=event.key).exists():
            return "duplicate"
        undone = take_back(
            reader=self._reader,
            kind=Kind(event.kind),
            about=self._target(event),
            now=self._now,
            event_id=event.key,
            latest_only=True,
        )
        return "accepted" if undone else "nothing_to_undo"

    def _target(self, event: Event) -> About:
        """Of an item a stand-in with nothing but the key: that is all an interaction refers to."""
        if event.about is None:
            raise ValueError(f"{event.kind} is about nothing.")
        name = event.about[1]
        return Item(pk=name) if isinstance(name, int) else self._targets[event.about]


_NO_VIEWS = [None] * 4
_WRITE_NEW = f"SELECT feedback_write_new_report({', '.join(['%s'] * (6 + NUM_NEW_COLUMNS))})"
_INSERT_VIEWS = """
    INSERT INTO feedback_view (received_at, slate_id, position, item_id, viewed_at)
    SELECT %s::timestamptz, reported.*
    FROM unnest(%s::uuid[], %s::smallint[], %s::bigint[], %s::timestamptz[]) AS reported
    ON CONFLICT DO NOTHING
    RETURNING slate_id, position
"""


def _next_rows(cursor: CursorWrapper) -> list[tuple[Any, ...]]:
    """What the next statement of the text returned."""
    cursor.nextset()
    return cursor.fetchall()


def _view_outcomes(views: Sequence[Numbered], rows: Iterable[tuple[Any, ...]]) -> dict[int, str]:
    """A place of a slate is seen once, however often it is reported and under which id."""
    new = set(rows)
    outcomes = {}
    for number, event in views:
        place = (event.token.slate_id, event.token.position) if event.token else ()
        outcomes[number] = "accepted" if place in new else "duplicate"
        new.discard(place)
    return outcomes


def _targets(events: Sequence[Event]) -> dict[Named, Topic | Author]:
    """The topics and authors that the events name."""
    named = {event.about for event in events if event.about and event.about[0] != "item"}
    found: dict[Named, Topic | Author] = {}
    for name, model in (("topic", Topic), ("author", Author)):
        slugs = [slug for what, slug in named if what == name]
        if slugs:
            found |= {(name, row.slug): row for row in model.objects.filter(slug__in=slugs)}
    return found


def _is_plain(event: Event) -> bool:
    return not event.undo and event.kind != Kind.FOLLOW
