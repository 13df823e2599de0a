"""The files of a stage: the towers in a folder of their own, beside the index, the graph and iALS."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from retrieval import artefact as towers
from retrieval.artefact import RetrieverArtefact
from retrieval.artefact_files import ArtefactError
from retrieval.ids import IdMap
from retrieval.index import Index, IndexFileError
from retrieval.sources.covisitation import Covisitation, CovisitationConfig
from retrieval.sources.covisitation_graph import CovisitationGraph
from retrieval.sources.evidence import Evidence
from retrieval.sources.graph_walk import GraphWalk, GraphWalkConfig
from retrieval.sources.implicit_als import ImplicitAls, ImplicitAlsConfig

TOWERS = "towers"
"""The folder that `retrieval.artefact.load` reads, with weights for a warm start."""

FORMAT_VERSION = 1

_DESCRIPTION, _INDEX = "stage.json", "index.npz"
_ALS_INDEX = "als_index.npz"  # where iALS has one
_GRAPH = ("starts", "neighbours", "weights", "masses")
_ALS = ("item_factors", "gram")


@dataclass(frozen=True, eq=False)
class StageParts:
    """All that was fitted on one window. covisitation and graph_walk share their graph."""

    artefact: RetrieverArtefact
    index: Index
    covisitation: Covisitation
    graph_walk: GraphWalk
    als: ImplicitAls

    @property
    def graph(self) -> CovisitationGraph:
        return self.covisitation.graph


def write_stage(parts: StageParts, folder: Path) -> None:
    """Into `folder`, which is empty."""
    towers.save(parts.artefact, folder / TOWERS)
    parts.index.save(folder / _INDEX)
    if parts.als.index is not None:
        parts.als.index.save(folder / _ALS_INDEX)
    arrays = {"graph_items": parts.graph.items.item_ids, "als_items": parts.als.items.item_ids}
    arrays |= {f"graph_{name}": getattr(parts.graph, name) for name in _GRAPH}
    arrays |= {f"als_{name}": getattr(parts.als, name) for name in _ALS}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    configs = {source.name: asdict(source.config) for source in (parts.covisitation, parts.graph_walk, parts.als)}
    (folder / _DESCRIPTION).write_text(json.dumps({"format_version": FORMAT_VERSION, "configs": configs}, indent=1))


def read_stage(folder: Path) -> StageParts:
    """What `write_stage` wrote, but for weights; the caller has checked the folder. Raises `ArtefactError`."""
    description = json.loads((folder / _DESCRIPTION).read_text())
    if description["format_version"] != FORMAT_VERSION:
        raise ArtefactError(
            f"{folder / _DESCRIPTION} has format {description['format_version']}, but this code reads "
            f"{FORMAT_VERSION}. Train again."
        )
    artefact = towers.read(folder / TOWERS, with_weights=False)
    try:
        configs = {name: _config(values) for name, values in description["configs"].items()}
        graph = CovisitationGraph(**_mapped(folder, "graph", _GRAPH))
        als = ImplicitAls(**_mapped(folder, "als", _ALS), config=ImplicitAlsConfig(**configs["implicit_als"]))
        covisitation = Covisitation.fit(graph, CovisitationConfig(**configs["covisitation"]))
        graph_walk = GraphWalk.fit(graph, GraphWalkConfig(**configs["graph_walk"]))
    except (TypeError, ValueError, KeyError) as error:
        raise ArtefactError(f"{folder}: not a stage of this code ({error}). Train it again.") from error
    index = _index(folder / _INDEX, artefact.item_embeddings, artefact.item_ids)
    if (folder / _ALS_INDEX).exists():
        als = replace(als, index=_index(folder / _ALS_INDEX, als.item_factors, als.items.item_ids))
    return StageParts(artefact, index, covisitation, graph_walk, als)


def _index(path: Path, vectors: np.ndarray, item_ids: np.ndarray) -> Index:
    try:
        return Index.load(path, vectors, item_ids)
    except IndexFileError as error:
        raise ArtefactError(str(error)) from error


def _mapped(folder: Path, part: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Arrays of one part and the ids of its rows, by name. Plain arrays: a slice of numpy's memmap takes longer."""
    paths = {name: folder / f"{part}_{name}.npy" for name in ("items", *names)}
    arrays = {name: np.load(path, mmap_mode="r", allow_pickle=False) for name, path in paths.items()}
    plain: dict[str, Any] = {name: array.view(np.ndarray) for name, array in arrays.items()}
    return {**plain, "items": IdMap(plain["items"])}


def _config(values: dict[str, Any]) -> dict[str, Any]:
    """What a source's config is made of, from JSON."""
    said = values["evidence"]
    kind_weights = tuple((kind, weight) for kind, weight in said["kind_weights"])
    return {**values, "evidence": Evidence(**{**said, "kind_weights": kind_weights})}
