"""From what was trained to a candidate: files to the store, each folder's manifest last, then the row."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from ranking.artefact import RankerArtefact
from ranking.artefact import save as save_ranker
from recsite.models import Release
from recsite.releases.registry import create_candidate
from recsite.releases.store import ArtefactStore
from recsite.training.locks import PUBLISHING, advisory_lock
from retrieval.stage import FittedStage, save_stage

_MIB = 2**20


@dataclass(frozen=True)
class Stored:
    """A folder of the store, under its name, and the checksum of its manifest."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Written:
    """A folder of this machine that is not in the store yet."""

    name: str
    folder: Path

    @property
    def size_mib(self) -> float:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file()) / _MIB


def write_stage(fitted: FittedStage, folder: Path, *, run: int) -> Written:
    """Into a new folder within `folder`; its name in the store is of the training's row `run`."""
    written = Written(f"retriever-{run}", folder / "retriever")
    save_stage(fitted, written.folder)
    return written


def write_ranker(ranker: RankerArtefact, folder: Path, *, run: int) -> Written:
    """As `write_stage`."""
    written = Written(f"ranker-{run}", folder / "ranker")
    save_ranker(ranker, written.folder)
    return written


def publish(
    retriever: Written | Stored, ranker: Written, store: ArtefactStore, *, now: datetime, **fields: Any
) -> Release:
    """A candidate of files that are all in the store.

    fields: those of `Release` that say what it is of. A process that dies on the way leaves folders without a manifest,
    or complete ones that no row names; `clear_up` removes both.
    """
    with _publishing():
        first = retriever if isinstance(retriever, Stored) else _stored(retriever, store)
        second = _stored(ranker, store)
        return create_candidate(
            retriever=first.name,
            retriever_sha256=first.sha256,
            ranker=second.name,
            ranker_sha256=second.sha256,
            code_version=code_version(),
            now=now,
            **fields,
        )


def clear_up(store: ArtefactStore) -> list[str]:
    """Remove what trainings that died left in the store. Returns the names that no release has."""
    with _publishing():
        store.clear_unfinished()
        named = {name for pair in Release.objects.values_list("retriever", "ranker") for name in pair}
        orphans = [name for name in store.names() if name not in named]
        for name in orphans:
            store.delete(name)
    return orphans


def code_version() -> str:
    """What the settings say, else the commit, with `-dirty` for changes on top; `unknown` outside a checkout."""
    if settings.CODE_VERSION:
        return settings.CODE_VERSION
    command = ["git", "-C", str(settings.BASE_DIR), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return shown.stdout.strip()


@contextmanager
def _publishing() -> Iterator[None]:
    """Who clears up must not take another's half-written folder for one of the dead."""
    with advisory_lock(PUBLISHING, wait=True):
        yield


def _stored(written: Written, store: ArtefactStore) -> Stored:
    return Stored(written.name, store.put(written.folder, written.name))
