"""Vectors of items that were published or changed after a release was trained: a worker makes them, every process
takes them over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
import pyarrow as pa
from django.db import transaction
from psycopg import sql

from catalog.models import Item
from feedback.log_connection import fetch, log_connection, one_moment
from recsite.models import ItemVector, Release, TrainingRun
from recsite.releases.catalogue_reading import read_items
from recsite.releases.changes import ITEMS, notify
from recsite.releases.loading import ReleaseBroken, load_retriever
from recsite.releases.registry import live_release, previous_release
from retrieval.stage import RetrievalStage

AT_ONCE = 1_000
"""So many items are embedded and written in one transaction: a job that is stopped goes on where it was."""

_VISIBLE = sql.SQL("SELECT id, updated_at FROM catalog_item WHERE NOT hidden ORDER BY id")
_EMBEDDED = sql.SQL("""
    SELECT vectors.item_id, max(vectors.of_version) AS of_version
    FROM recsite_itemvector AS vectors JOIN recsite_release AS release ON release.id = vectors.release_id
    WHERE release.retriever_sha256 = {retriever}
    GROUP BY vectors.item_id ORDER BY vectors.item_id
""")


def embed_new_items(*, now: datetime) -> int:
    """Give every visible item that the live release, or the one before it, has no true vector of, one by that release's
    candidate tower: items that were published or changed since it was trained. Processes are told.

    Returns how many vectors were made. Safe to repeat, and to run twice at once. Raises ReleaseBroken, after the other
    release got its vectors.
    """
    made, broken = 0, None
    for release in _retrievers_in_use():
        try:
            made += _embed_for(release, now)
        except ReleaseBroken as error:
            broken = broken or error
    if broken is not None:
        raise broken
    return made


def _retrievers_in_use() -> Iterable[Release]:
    """A release of each: those that differ in their rankers alone share vectors."""
    releases = [release for release in (live_release(), previous_release()) if release is not None]
    in_use: dict[str, Release] = {}
    for release in releases:
        in_use.setdefault(release.retriever_sha256, release)
    return in_use.values()


def _embed_for(release: Release, now: datetime) -> int:
    missing = _missing(release)
    if not len(missing):
        return 0
    stage = _stage(release.retriever, release.retriever_sha256)
    made = 0
    for first in range(0, len(missing), AT_ONCE):
        made += _embed(stage, release, missing[first : first + AT_ONCE].tolist(), now)
    return made


@dataclass(frozen=True, eq=False)
class _Versions:
    """item_ids: (n,) int64, rising.  at_us: (n,) int64, when each was changed last, microseconds since 1970."""

    item_ids: np.ndarray
    at_us: np.ndarray

    @classmethod
    def of(cls, rows: pa.Table) -> _Versions:
        item_ids, at = rows.columns
        return cls(item_ids.to_numpy(), at.cast(pa.int64()).to_numpy())

    def of_items(self, item_ids: np.ndarray, otherwise: int) -> np.ndarray:
        rows = np.searchsorted(self.item_ids, item_ids)
        inside = np.flatnonzero(rows < len(self.item_ids))
        known = inside[self.item_ids[rows[inside]] == item_ids[inside]]
        versions = np.full(len(item_ids), otherwise)
        versions[known] = self.at_us[rows[known]]
        return versions


def _missing(release: Release) -> np.ndarray:
    """(n,) int64 item ids, rising."""
    with log_connection() as session, one_moment(session) as cursor:
        visible = _Versions.of(fetch(cursor, sql.Composed([_VISIBLE])))
        embedded = _Versions.of(fetch(cursor, _EMBEDDED.format(retriever=release.retriever_sha256)))
    trained_at = int(_read_for_training(release).timestamp() * 1e6)
    never = np.iinfo(np.int64).min
    of_training = np.isin(visible.item_ids, _trained_items(release.retriever, release.retriever_sha256))
    has = np.maximum(embedded.of_items(visible.item_ids, never), np.where(of_training, trained_at, never))
    return visible.item_ids[visible.at_us > has]


def _read_for_training(release: Release) -> datetime:
    """The training read the catalogue at its beginning; where that is not known, by the end of its window at least."""
    runs = TrainingRun.objects.filter(release__retriever_sha256=release.retriever_sha256)
    run = runs.filter(kind=TrainingRun.Kind.RETRIEVER).order_by("started_at").first()
    return release.retriever_until if run is None else max(run.started_at, release.retriever_until)


def _embed(stage: RetrievalStage, release: Release, item_ids: list[int], now: datetime) -> int:
    with transaction.atomic():
        # Held until the rows are written: one that is deleted meanwhile would leave a vector of nothing.
        rows = Item.objects.filter(pk__in=item_ids).order_by("pk").select_for_update(no_key=True, of=("self",))
        versions = dict(rows.values_list("pk", "updated_at"))
        items = read_items(list(versions))
        vectors = stage.candidate_tower.embed(items, now.timestamp()).astype("<f4")
        ItemVector.objects.bulk_create(
            [
                ItemVector(
                    release=release,
                    item_id=item_id,
                    vector=vector.tobytes(),
                    of_version=versions[item_id],
                    made_at=now,
                )
                for item_id, vector in zip(items["item_id"].to_pylist(), vectors, strict=True)
            ],
            update_conflicts=True,
            unique_fields=["release", "item"],
            update_fields=["vector", "of_version", "made_at"],
        )
        notify(ITEMS)
    return len(items)


@lru_cache(maxsize=1)
def _stage(name: str, sha256: str) -> RetrievalStage:
    """Kept, because items are published one by one, and loading takes longer than embedding one."""
    return load_retriever(name, sha256)


@lru_cache(maxsize=4)
def _trained_items(name: str, sha256: str) -> np.ndarray:
    """(n,) int64, rising."""
    return _stage(name, sha256).item_ids.copy()
