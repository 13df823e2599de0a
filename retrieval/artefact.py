"""What training hands to serving: one frozen dataclass, in memory and as a folder of files."""

from __future__ import annotations

import json
import mmap
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from retrieval.artefact_files import MANIFEST, ArtefactError, check_folder, write_folder
from retrieval.config import Encoder, Negatives, PositiveCorrection, TowerConfig, TrainingConfig, TwoTowerConfig
from retrieval.content import FIRST_ITEM

__all__ = ["ITEM_TABLE", "MANIFEST", "ArtefactError", "RetrieverArtefact", "load", "read", "save"]

FORMAT_VERSION = 3
"""Goes up with every change of the arrays here, or of what the towers' inputs mean: towers that learned from other rows
of words than `hashing.py` now gives would answer, and be wrong.

2: words leave places for pairs, and no pair joins title and summary.
3: the query tower is handed its table of items; arrays of items have a file each.
"""

ITEM_TABLE = "item_table"
"""The query tower's input for `RetrieverArtefact.query_items`."""

_ARRAYS = ("item_ids", "item_embeddings", "item_topics", "item_counts", "query_items")
_WEIGHTS = "weights.npz"
_QUERY, _CANDIDATE = "query_tower.onnx", "candidate_tower.onnx"
_DESCRIPTION = "retriever.json"


@dataclass(frozen=True, eq=False)
class RetrieverArtefact:
    """What training hands to serving; nothing else crosses.

    item_ids: (num_items,) int64 catalogue ids, unique; gives the row order of the other arrays.
    item_embeddings: (num_items, width) float32; width is dim, L2 norm 1, so that inner product equals cosine. With free
        norms it is dim + 1, the last the item's bias, which a query meets with 1; so is an item's popularity prior
        after dim numbers of norm 1.
    item_topics: (num_items, TOPICS) int32 hashed rows; a query carries those of its latest items.
    item_counts: (num_items, COUNTS) float32, as the candidate tower was given them at `trained_until`.
    query_items: (FIRST_ITEM + num_items, dim) float32, what the query tower makes of each item of a history.
    query_tower, candidate_tower: ONNX files. Inputs: the arrays of `QueryFeatures` and `CandidateFeatures`, by name;
        the query tower's also query_items, as `ITEM_TABLE`.
    weights: the towers' tensors by name, for a warm start of the next training.
    trained_from, trained_until: the window of the interactions used, UTC; serving reports staleness from the end.
    metrics: what training measured, by name.

    Raises `ArtefactError` when these contradict each other.
    """

    item_ids: np.ndarray
    item_embeddings: np.ndarray
    item_topics: np.ndarray
    item_counts: np.ndarray
    query_items: np.ndarray
    query_tower: bytes
    candidate_tower: bytes | mmap.mmap
    weights: dict[str, np.ndarray]
    config: TwoTowerConfig
    trained_from: datetime
    trained_until: datetime
    metrics: dict[str, float] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if self.format_version != FORMAT_VERSION:
            raise ArtefactError(
                f"This retriever has format {self.format_version}, but this code reads {FORMAT_VERSION}. Train again."
            )
        towers = self.config.towers
        expected = (len(self.item_ids), self.config.width)
        if self.item_embeddings.shape != expected:
            raise ArtefactError(f"item_embeddings is {self.item_embeddings.shape}, but ids and config say {expected}.")
        if not np.isfinite(self.item_embeddings).all():
            raise ArtefactError("item_embeddings holds values that are not finite: this training went wrong.")
        if len(np.unique(self.item_ids)) != len(self.item_ids):
            raise ArtefactError("item_ids repeat.")
        for name in ("item_topics", "item_counts"):
            if len(getattr(self, name)) != len(self.item_ids):
                raise ArtefactError(f"{name} has {len(getattr(self, name))} rows for {len(self.item_ids)} items.")
        if self.query_items.shape != (FIRST_ITEM + len(self.item_ids), towers.dim):
            raise ArtefactError(f"query_items is {self.query_items.shape} for {len(self.item_ids)} items.")
        if towers.unit_norm and len(self.item_ids):
            norms = np.linalg.norm(self.item_embeddings[:, : towers.dim], axis=1)
            if np.abs(norms - 1).max() > 1e-3:
                raise ArtefactError(
                    f"Vectors of unit norm are promised, but one has {norms[np.abs(norms - 1).argmax()]}."
                )
        if self.trained_from > self.trained_until:
            raise ArtefactError(f"The window ends at {self.trained_until}, before it began at {self.trained_from}.")


def save(artefact: RetrieverArtefact, folder: Path) -> None:
    """Write a new folder: files first, the manifest with their checksums last, then the folder gets its name.

    Raises FileExistsError for a folder that is there already: artefacts are never edited.
    """
    write_folder(folder, lambda unfinished: _write(artefact, unfinished))


def load(folder: Path) -> RetrieverArtefact:
    """What `save` wrote. Raises `ArtefactError` for a folder that is incomplete, damaged, or of another format."""
    check_folder(folder)
    return read(folder)


def read(folder: Path, *, with_weights: bool = True) -> RetrieverArtefact:
    """As `load`, of a folder that the caller has checked. Without weights, which training alone reads, what there is of
    each item is mapped from its file, so that all processes of a machine share it, and so is the candidate tower."""
    description = json.loads((folder / _DESCRIPTION).read_text())
    weights: dict[str, np.ndarray] = {}
    if with_weights:
        with np.load(folder / _WEIGHTS, allow_pickle=False) as stored:
            weights = dict(stored)
    return RetrieverArtefact(
        **{name: _array(folder / f"{name}.npy", mapped=not with_weights) for name in _ARRAYS},
        weights=weights,
        query_tower=(folder / _QUERY).read_bytes(),
        candidate_tower=(folder / _CANDIDATE).read_bytes() if with_weights else _mapped(folder / _CANDIDATE),
        config=_config(description["config"], folder),
        trained_from=datetime.fromisoformat(description["trained_from"]),
        trained_until=datetime.fromisoformat(description["trained_until"]),
        metrics=description["metrics"],
        format_version=description["format_version"],
    )


def _array(path: Path, *, mapped: bool) -> np.ndarray:
    """Plain, also when mapped: a slice of numpy's memmap takes longer."""
    array: np.ndarray = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    return array.view(np.ndarray)


def _mapped(path: Path) -> mmap.mmap:
    """The file may be removed afterwards."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _write(artefact: RetrieverArtefact, folder: Path) -> None:
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(artefact, name), allow_pickle=False)
    with (folder / _WEIGHTS).open("wb") as file:
        np.savez(file, allow_pickle=False, **artefact.weights)
    (folder / _QUERY).write_bytes(artefact.query_tower)
    (folder / _CANDIDATE).write_bytes(artefact.candidate_tower)
    description = {
        "format_version": artefact.format_version,
        "config": asdict(artefact.config),
        "trained_from": artefact.trained_from.isoformat(),
        "trained_until": artefact.trained_until.isoformat(),
        "metrics": artefact.metrics,
    }
    (folder / _DESCRIPTION).write_text(json.dumps(description, indent=1))


def _config(values: dict[str, dict[str, object]], folder: Path) -> TwoTowerConfig:
    try:
        towers = TowerConfig(**values["towers"])  # type: ignore[arg-type]
        training = TrainingConfig(**values["training"])  # type: ignore[arg-type]
    except TypeError as error:
        raise ArtefactError(f"{folder}: its config is not one of this code ({error}). Train it again.") from error
    negatives = None if training.negatives is None else Negatives(training.negatives)
    correction = PositiveCorrection(training.positive_correction)
    return TwoTowerConfig(
        replace(towers, encoder=Encoder(towers.encoder)),
        replace(training, negatives=negatives, positive_correction=correction),
    )
