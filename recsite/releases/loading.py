"""A release in memory: its two artefacts, and the vectors of items that were published since."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
from psycopg import sql

from feedback.log_connection import fetch, log_connection, one_moment
from ranking.artefact import ArtefactError as RankerError
from ranking.artefact import RankerArtefact
from ranking.artefact import load as load_ranker
from recsite.models import Release
from recsite.releases.rows_written import rows_written
from recsite.releases.store import ArtefactStore, StoreError, store
from retrieval.artefact_files import ArtefactError as StageError
from retrieval.index import ItemVectors
from retrieval.stage import RetrievalStage, load_stage

Artefact = TypeVar("Artefact")

# A ranker trained anew shares its retriever with the release before, so vectors belong to a retriever.
_VECTORS = sql.SQL("""
    SELECT DISTINCT ON (vectors.item_id) vectors.item_id, vectors.vector
    FROM recsite_itemvector AS vectors JOIN recsite_release AS release ON release.id = vectors.release_id
    WHERE release.retriever_sha256 = {retriever}
    ORDER BY vectors.item_id, vectors.of_version DESC, vectors.made_at DESC
""")


class ReleaseBroken(Exception):
    """The files of this release are missing or damaged, or not of this code."""


@dataclass(frozen=True, eq=False)
class LoadedRelease:
    """base: the stage as it was trained. vectors: of items that were published or changed since."""

    id: int
    retriever_sha256: str
    base: RetrievalStage
    ranker: RankerArtefact
    vectors: ItemVectors

    @property
    def trained_until(self) -> datetime:
        return self.base.trained_until

    @cached_property
    def stage(self) -> RetrievalStage:
        """With the vectors of new items."""
        return self.base.with_changes(self.vectors) if len(self.vectors) else self.base


def load_release(
    release: Release, *, beside: Iterable[LoadedRelease] = (), files: ArtefactStore | None = None
) -> LoadedRelease:
    """Fetch, check and load. beside: what is loaded already; a stage that they share is not loaded again.

    Raises ReleaseBroken.
    """
    files = files or store()
    shared = (other.base for other in beside if other.retriever_sha256 == release.retriever_sha256)
    base = next(shared, None) or load_retriever(release.retriever, release.retriever_sha256, files=files)
    ranker = load_ranker_of(release, files=files)
    width = base.item_vectors.shape[1]
    return LoadedRelease(
        release.pk, release.retriever_sha256, base, ranker, read_vectors(release.retriever_sha256, width=width)
    )


def load_retriever(name: str, sha256: str, *, files: ArtefactStore | None = None) -> RetrievalStage:
    """The stage alone, as it was trained. Raises ReleaseBroken."""
    return _loaded(load_stage, name, sha256, files or store())


def load_ranker_of(release: Release, *, files: ArtefactStore | None = None) -> RankerArtefact:
    """The ranker alone. Raises ReleaseBroken."""
    return _loaded(load_ranker, release.ranker, release.ranker_sha256, files or store())


def read_vectors(retriever_sha256: str, *, width: int) -> ItemVectors:
    """What a worker embedded with this retriever's tower since it was trained. Only what is committed is seen.

    Raises ReleaseBroken for vectors of another width: somebody else wrote them.
    """
    with log_connection() as session, one_moment(session) as cursor:
        item_ids, vectors = fetch(cursor, _VECTORS.format(retriever=retriever_sha256)).combine_chunks().columns
    if not len(item_ids):
        return ItemVectors.none(width)
    held = b"".join(vectors.cast(pa.binary()).to_pylist())
    if len(held) != len(item_ids) * width * np.dtype("<f4").itemsize:
        raise ReleaseBroken(f"Vectors of new items are not {width} wide. Delete the rows: they are made again.")
    return ItemVectors(item_ids.to_numpy(), np.frombuffer(held, "<f4").reshape(len(item_ids), width))


def vectors_version() -> str:
    """Changes within some ten seconds after a worker wrote vectors; costs next to nothing."""
    return rows_written("recsite_itemvector")


def _loaded(load: Callable[[Path], Artefact], name: str, sha256: str, files: ArtefactStore) -> Artefact:
    try:
        try:
            return load(files.fetch(name, sha256))
        except (StageError, RankerError, OSError):  # the copy may have been damaged since it was checked
            return load(files.fetch(name, sha256, verify=True))
    except (StoreError, StageError, RankerError, OSError) as error:
        raise ReleaseBroken(f"{name} cannot be loaded: {error}") from error
