"""Slates of the log as the questions that they answered: the same reader, with what the site knew of them then."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from feedback.kinds import HISTORY_KINDS, Kind
from feedback.log_connection import log_connection
from feedback.log_slates import SlateLog, read_slate_log
from feedback.states import StatesConfig, find_states
from feedback.surfaces import Surface
from feedback.uuid7 import first_uuid7
from recsite.funnel.query import HISTORY_LENGTH, FunnelQuery
from recsite.reader_state import SEARCHES, VIEWED_DAYS, VIEWED_SLATES, ReaderState
from recsite.training.asking import query_of
from recsite.training.profiles import Profiles, read_profiles, with_profiles

AT_ONCE = 2_000
"""So many slates are read together."""

MERGED = "readers became one since"
EARLIER_PAGES = "earlier pages are not in the log"
NO_LANGUAGES = "the slate does not say in which languages"

_KINDS = (*HISTORY_KINDS, Kind.HIDE_TOPIC, Kind.HIDE_AUTHOR)
_STATES = StatesConfig(history_length=HISTORY_LENGTH, num_searches=SEARCHES)
_NOBODY = -1


@dataclass(frozen=True, eq=False)
class SlateAsked:
    """item_ids: (slots,) int64.  recorded: (slots, columns of the feature set) float32, None where none was kept.
    query: as serving asked.  wishes: what serving's filters go by.
    doubts: names of what may make this another question than was asked.
    """

    slate_id: bytes
    release: int | None
    counts_as_of: datetime | None
    item_ids: np.ndarray
    feature_set: str | None
    recorded: np.ndarray | None
    query: FunnelQuery
    wishes: ReaderState
    doubts: tuple[str, ...]


class SlateQuestions:
    """profiles: of everybody; read once by `read`."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    @classmethod
    def read(cls, *, until: datetime) -> SlateQuestions:
        """With whom readers followed until then."""
        with log_connection() as session:
            return cls(read_profiles(session, until=until))

    def of(self, slate_ids: Iterable[uuid.UUID]) -> Iterator[SlateAsked]:
        """In order of time; slates that the log does not have are left out."""
        with log_connection() as session:
            ids = sorted(set(slate_ids))
            for start in range(0, len(ids), AT_ONCE):
                part = ids[start : start + AT_ONCE]
                log = read_slate_log(session, part, kinds=_KINDS, back=timedelta(days=VIEWED_DAYS))
                yield from self._questions(log)

    def _questions(self, log: SlateLog) -> Iterator[SlateAsked]:
        states = self._states(log)
        standing, pages = _Standing(log.standing), _Pages(log)
        for row, served in enumerate(log.served.to_pylist()):
            stood = standing.at(served["reader_id"], served["known_until"])
            shown, all_shown = pages.shown_before(served)
            query = replace(
                query_of(states, row),
                exclude=np.fromiter(stood.items | set(shown), np.int64),
                viewed=pages.viewed_before(served, without=stood.items),
                surface=served["surface"],
                columns=served["columns"] or 0,
            )
            wishes = ReaderState(
                languages=frozenset(query.state.languages),
                hidden_topic_ids=stood.hidden_topics,
                hidden_author_ids=stood.hidden_authors,
            )
            yield SlateAsked(
                slate_id=served["slate_id"],
                release=served["release"],
                counts_as_of=served["counts_as_of"],
                item_ids=np.array(served["items"], np.int64),
                feature_set=served["feature_set"],
                recorded=_recorded(served["features"], len(served["items"])),
                query=query,
                wishes=wishes,
                doubts=tuple(_doubts(served, all_shown=all_shown)),
            )

    def _states(self, log: SlateLog) -> pa.Table:
        """What `query_of` reads, a row a slate. A slate is no event: what came in its very moment was known."""
        served = log.served
        moments = pa.table(
            {
                "reader_id": pc.fill_null(served["reader_id"], _NOBODY),
                "happened_at": pa.nulls(len(served), served.schema.field("known_until").type),
                "state_at": served["known_until"],
            }
        )
        states = find_states(log.histories, moments, _STATES)
        for field in states.schema:
            moments = moments.append_column(field, states[field.name])
        table = with_profiles(moments, self._profiles)
        place = table.column_names.index("languages")
        return table.set_column(
            place, "languages", pc.coalesce(served["languages"], table["languages"])
        ).combine_chunks()


def _recorded(features: bytes | None, slots: int) -> np.ndarray | None:
    return None if features is None else np.frombuffer(features, "<f4").reshape(slots, -1)


def _doubts(served: dict, *, all_shown: bool) -> Iterator[str]:
    if served["merged_at"] is not None and served["merged_at"] > served["known_until"]:
        yield MERGED
    if not all_shown:
        yield EARLIER_PAGES
    if served["languages"] is None:
        yield NO_LANGUAGES


@dataclass(frozen=True)
class _Stood:
    items: frozenset[int] = frozenset()
    hidden_topics: frozenset[int] = frozenset()
    hidden_authors: frozenset[int] = frozenset()


class _Standing:
    """What stood of what readers did, at any moment. standing: `feedback.log_slates.STANDING`."""

    def __init__(self, standing: pa.Table) -> None:
        parts = cast(pl.DataFrame, pl.from_arrow(standing)).partition_by("reader_id", as_dict=True)
        self._of_reader = {reader_id: part for (reader_id,), part in parts.items()}

    def at(self, reader_id: int | None, moment: datetime) -> _Stood:
        acts = self._of_reader.get(reader_id)
        if acts is None:
            return _Stood()
        undone = pl.col("undo_received_at")
        stood = acts.filter((pl.col("received_at") <= moment) & (undone.is_null() | (undone > moment)))
        topics = stood.filter(pl.col("kind") == Kind.HIDE_TOPIC)["topic_id"]
        authors = stood.filter(pl.col("kind") == Kind.HIDE_AUTHOR)["author_id"]
        return _Stood(frozenset(stood["item_id"].drop_nulls()), frozenset(topics), frozenset(authors))


class _Pages:
    """What readers had been shown, and had seen of it, before a slate."""

    def __init__(self, log: SlateLog) -> None:
        self._pages: dict[bytes, list[dict]] = {}
        for page in log.pages.to_pylist():
            self._pages.setdefault(page["reader_public_id"], []).append(page)
        self._seen: dict[bytes, list[tuple[int, datetime]]] = {}
        for slate_id, item_id, received_at in zip(*(column.to_pylist() for column in log.seen.columns), strict=True):
            self._seen.setdefault(slate_id, []).append((item_id, received_at))

    def viewed_before(self, served: dict, *, without: frozenset[int]) -> dict[int, int]:
        """How often each item was seen: see `recsite.reader_state`."""
        known_until: datetime = served["known_until"]
        oldest = first_uuid7(known_until - timedelta(days=VIEWED_DAYS)).bytes
        recent = [page["slate_id"] for page in self._before(served) if page["slate_id"] >= oldest][-VIEWED_SLATES:]
        return Counter(
            item_id
            for slate_id in recent
            for item_id, received_at in self._seen.get(slate_id, ())
            if received_at <= known_until and item_id not in without
        )

    def shown_before(self, served: dict) -> tuple[list[int], bool]:
        """Items of the earlier pages of the same scroll, and whether those are all there: of pages that end where the
        next one begins the latest counts."""
        shown: list[int] = []
        begins: int = served["first_position"]
        for page in reversed(self._before(served)):
            if not begins:
                break
            if page["surface"] == Surface.HOME and page["first_position"] + len(page["items"]) == begins:
                shown = page["items"] + shown
                begins = page["first_position"]
        return shown, not begins

    def _before(self, served: dict) -> list[dict]:
        return [page for page in self._pages[served["reader_public_id"]] if page["slate_id"] < served["slate_id"]]
