"""An index on disk: one file, beside the vectors of its base, from which it can always be built again."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import faiss
import numpy as np

from retrieval.index_ann import Ann
from retrieval.index_base import Base, Tuning
from retrieval.index_config import IndexConfig, Kind
from retrieval.index_rows import OpenRows
from retrieval.index_vectors import ItemVectors

FORMAT_VERSION = 2

_NOTHING = np.empty(0, np.uint8)
_NO_DIRECTIONS = np.empty((0, 0), np.float32)


class IndexFileError(ValueError):
    """The file cannot serve these vectors. Whoever catches it builds the index again: `Index.build`."""


@dataclass(frozen=True, eq=False)
class Saved:
    """What an index is made of; `Index` says what each part means."""

    base: Base
    open_rows: OpenRows
    delta: ItemVectors
    version: str
    config: IndexConfig
    queries: np.ndarray


def write(path: str | os.PathLike[str], saved: Saved) -> None:
    base = saved.base
    header = {
        "format_version": FORMAT_VERSION,
        "items": base.items.digest(),
        "num_items": len(base.items),
        "dim": base.items.dim,
        "version": saved.version,
        "kind": base.kind,
        "tuning": asdict(base.tuning),
        "config": asdict(saved.config),
    }
    arrays: dict[str, Any] = {
        "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
        "ann": _NOTHING if base.ann is None else faiss.serialize_index(base.ann.index),
        "directions": _NO_DIRECTIONS if base.ann is None or base.ann.directions is None else base.ann.directions,
        "open_bits": _NOTHING if saved.open_rows.bits is None else saved.open_rows.bits,
        "delta_ids": saved.delta.item_ids,
        "delta_vectors": saved.delta.vectors,
        "queries": saved.queries,
    }
    with open(path, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read(path: str | os.PathLike[str], items: ItemVectors) -> Saved:
    """items: those that the base was built of.

    Raises IndexFileError for a file that is damaged, of another format, or of other items; FileNotFoundError.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            header = json.loads(arrays["header"].tobytes())
            _check_belongs(path, header, items)
            return _put_together(header, dict(arrays), items)
    except IndexFileError:
        raise
    except (
        zipfile.BadZipFile,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:  # FAISS's are Runtime
        raise IndexFileError(f"{path}: damaged ({error}). Build the index again from the vectors.") from error


def _check_belongs(path: str | os.PathLike[str], header: Mapping[str, Any], items: ItemVectors) -> None:
    if header["format_version"] != FORMAT_VERSION:
        raise IndexFileError(
            f"{path}: format {header['format_version']}, but this code reads {FORMAT_VERSION}. "
            "Build the index again from the vectors."
        )
    said = (header["num_items"], header["dim"])
    if said != items.vectors.shape:
        raise IndexFileError(
            f"{path}: made of vectors {said}, but these are {items.vectors.shape}. Build the index again from them."
        )
    if header["items"] != items.digest():
        raise IndexFileError(
            f"{path}: made of as many, but other items or vectors than these. Build the index again from them."
        )


def _put_together(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], items: ItemVectors) -> Saved:
    kind = Kind(header["kind"])
    config = IndexConfig(**header["config"])
    ann = None if kind is Kind.EXACT else _ann(arrays)
    if ann is not None and ann.shape != items.vectors.shape:
        raise ValueError("its FAISS index holds {} vectors of {} dimensions".format(*ann.shape))
    bits = arrays["open_bits"]
    return Saved(
        Base(items, kind, ann, Tuning(**header["tuning"]), config.recall_at),
        OpenRows.of_bits(len(items), bits) if len(bits) else OpenRows.all_of(len(items)),
        ItemVectors(arrays["delta_ids"], arrays["delta_vectors"]),
        header["version"],
        config,
        arrays["queries"],
    )


def _ann(arrays: Mapping[str, np.ndarray]) -> Ann:
    index, directions = faiss.deserialize_index(arrays["ann"]), arrays["directions"]
    if directions.size and directions.shape[1] != index.d:
        raise ValueError(f"its FAISS index has {index.d} dimensions, but {directions.shape[1]} directions lead into it")
    return Ann(index, directions if directions.size else None)
