"""Removing everything that names one reader.

Nothing is kept in a changed form: rows are deleted. What stays names nobody: counts by item, and views of slates that
a crash of the database had lost before they could be deleted.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import LiteralString

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from psycopg import sql

from catalog.models import Reader, ReaderMerge
from feedback.models import Interaction
from feedback.readers import all_public_ids

# A report may have come for a slate whose row is gone; the interaction still says which.
OF_READERS_SLATES: LiteralString = """
    slate_id IN (
        SELECT id FROM feedback_slate WHERE reader_public_id = ANY({public_ids})
        UNION
        SELECT slate_id FROM feedback_interaction WHERE reader_id = {reader} AND slate_id IS NOT NULL
    )
"""
"""What belongs to the slates of one reader."""

_FORGET_SLATES: tuple[tuple[str, str, LiteralString], ...] = (
    ("views", "feedback_view", OF_READERS_SLATES),
    ("slate_details", "feedback_slatedetail", OF_READERS_SLATES),
    ("slates", "feedback_slate", "reader_public_id = ANY({public_ids})"),
)


@dataclass(frozen=True)
class Forgotten:
    """How many rows were removed, by table."""

    interactions: int = 0
    views: int = 0
    slate_details: int = 0
    slates: int = 0
    follows: int = 0
    merged_ids: int = 0
    readers: int = 0
    sessions: int = 0
    accounts: int = 0

    @property
    def total(self) -> int:
        return sum(asdict(self).values())


@transaction.atomic
def forget_reader(*, public_id: uuid.UUID, now: datetime, keep_account: bool = False) -> Forgotten:
    """Remove every row of the reader with this id, or whom it was merged into, and of all ids merged into that one.

    There need not be a reader row: before the first proof of a person only slates carry an id. The reader's login goes
    too, unless `keep_account`. An id that nothing is known of removes nothing.
    """
    reader = _locked(public_id)
    if reader is None:
        return Forgotten(**_forget_slates([public_id], reader=None))
    public_ids = list(all_public_ids(reader.public_id, reader))
    slates = _forget_slates(public_ids, reader=reader)
    interactions, _ = Interaction.objects.filter(reader=reader).delete()
    follows = reader.followed_topics.count() + reader.followed_authors.count()
    merged_ids, _ = ReaderMerge.objects.filter(reader=reader).delete()
    account = None if keep_account else reader.user
    reader.delete()
    forgotten = Forgotten(
        **slates,
        interactions=interactions,
        follows=follows,
        merged_ids=merged_ids,
        readers=1,
        sessions=0 if account is None else _end_sessions(account, now),
        accounts=0 if account is None else 1,
    )
    if account is not None:
        account.delete()
    return forgotten


def _locked(public_id: uuid.UUID) -> Reader | None:
    """The row, locked: an event that arrives meanwhile waits, and then finds nobody to belong to."""
    rows = Reader.objects.select_for_update(of=("self",))
    return rows.filter(public_id=public_id).first() or rows.filter(merged_from__old_public_id=public_id).first()


def _forget_slates(public_ids: list[uuid.UUID], *, reader: Reader | None) -> dict[str, int]:
    values = {
        "public_ids": sql.Literal(public_ids),
        "reader": sql.Literal(None if reader is None else reader.pk),
    }
    removed = {}
    with connection.cursor() as cursor:
        for name, table, condition in _FORGET_SLATES:
            statement = sql.SQL("DELETE FROM {} WHERE ").format(sql.Identifier(table))
            cursor.execute((statement + sql.SQL(condition).format(**values)).as_string())
            removed[name] = cursor.rowcount
    return removed


def _end_sessions(account: User, now: datetime) -> int:
    """A session says whose it is only in its signed contents, so each one that still runs is opened."""
    running = Session.objects.filter(expire_date__gte=now).iterator(chunk_size=1_000)
    theirs = [session.pk for session in running if session.get_decoded().get("_auth_user_id") == str(account.pk)]
    return Session.objects.filter(pk__in=theirs).delete()[0]
