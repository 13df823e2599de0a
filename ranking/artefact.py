"""What training hands to serving: one frozen dataclass, in memory and as a folder of files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ranking.boosting import TreeModel
from ranking.calibration import Platt
from ranking.click_model import ClickModel
from ranking.config import ClickModelConfig, RankerConfig
from ranking.features import FeatureSet
from ranking.onnx_order import OnnxOrder
from ranking.order import BoostedOrder, RetrievalOrder

FORMAT_VERSION = 1
MANIFEST = "manifest.json"

_DESCRIPTION = "ranker.json"
_MODEL, _TREES, _CLICK_MODEL = "model.txt", "model.onnx", "click_model.txt"


class ArtefactError(Exception):
    """These files, or these values, are no ranker that this code can serve."""


@dataclass(frozen=True, eq=False)
class RankerArtefact:
    """What training hands to serving; nothing else crosses.

    order: LightGBM's, as it was trained or as ONNX Runtime serves it; or retrieval's own (no reranking), which needs
        nothing else.
    since, until: the window of the visits used, UTC; None where nothing was trained.
    gains: LightGBM's label_gain, by grade (`ranking.grades`).
    click_model: P(click), with its calibration; never of a bootstrap.
    report: what training saw and measured, as JSON.

    Raises `ArtefactError` when these contradict each other.
    """

    order: BoostedOrder | OnnxOrder | RetrievalOrder
    since: datetime | None = None
    until: datetime | None = None
    gains: tuple[float, ...] = ()
    bootstrap: bool = False
    click_model: ClickModel | None = None
    config: RankerConfig | None = None
    report: dict[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        _check_format(self.format_version)
        if not isinstance(self.order, RetrievalOrder) and None in (self.since, self.until, self.config):
            raise ArtefactError("A trained ranker says by which config, and on which window, it was trained.")
        if self.since is not None and self.until is not None and self.since > self.until:
            raise ArtefactError(f"The window ends at {self.until}, before it began at {self.since}.")
        if list(self.gains) != sorted(self.gains):
            raise ArtefactError(f"gains must not fall with the grade, but are {self.gains}.")
        if self.click_model is not None and self.bootstrap:
            raise ArtefactError("A bootstrap saw no impressions, so it has no click model.")
        if self.click_model is not None and self.click_model.feature_set != self.order.feature_set:
            raise ArtefactError("The click model reads other features than the ranker: they are of two trainings.")

    @property
    def feature_set(self) -> FeatureSet:
        return self.order.feature_set


def save(artefact: RankerArtefact, folder: Path) -> None:
    """Write a new folder: files first, the manifest with their checksums last, then the folder gets its name.

    LightGBM's trees are written as its text and as ONNX, which is what will be served; so this needs onnx.
    Raises FileExistsError for a folder that is there already: artefacts are never edited. Raises `ArtefactError` where
    the two score rows differently.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} is there already; a ranker is written once, into a folder of its own.")
    order = _as_served(artefact.order)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    if isinstance(order, OnnxOrder):
        (unfinished / _MODEL).write_bytes(order.boosted.model.text.encode())
        (unfinished / _TREES).write_bytes(order.trees)
    if artefact.click_model is not None:
        (unfinished / _CLICK_MODEL).write_bytes(artefact.click_model.model.text.encode())
    (unfinished / _DESCRIPTION).write_text(json.dumps(_description(artefact), indent=1, allow_nan=False))
    checksums = {path.name: _checksum(path) for path in sorted(unfinished.iterdir())}
    (unfinished / MANIFEST).write_text(json.dumps({"sha256": checksums}, indent=1))
    for path in unfinished.iterdir():
        _to_disk(path)
    os.rename(unfinished, folder)
    _to_disk(folder.parent)


def load(folder: Path) -> RankerArtefact:
    """What `save` wrote, its order asked of ONNX Runtime.

    LightGBM is not imported before contributions are asked for, nor onnx at all. Raises `ArtefactError` for a folder
    that is incomplete, damaged, of another format, or whose model reads other features than this code builds.
    """
    _check_files(folder)
    description = json.loads((folder / _DESCRIPTION).read_text())
    _check_format(description["format_version"])
    feature_set = _feature_set(description["feature_set"], folder)
    return RankerArtefact(
        order=_order(description["order"], feature_set, folder),
        since=_moment(description["since"]),
        until=_moment(description["until"]),
        gains=tuple(description["gains"]),
        bootstrap=description["bootstrap"],
        click_model=_click_model(description["platt"], feature_set, folder),
        config=_config(description["config"], folder),
        report=description["report"],
        format_version=description["format_version"],
    )


def _description(artefact: RankerArtefact) -> dict[str, Any]:
    feature_set, order = artefact.feature_set, artefact.order
    return {
        "format_version": artefact.format_version,
        "order": {"kind": "retrieval", "source": order.source}
        if isinstance(order, RetrievalOrder)
        else {"kind": "boosted"},
        "feature_set": {"id": feature_set.id, "sources": feature_set.sources, "names": feature_set.names},
        "since": artefact.since and artefact.since.isoformat(),
        "until": artefact.until and artefact.until.isoformat(),
        "gains": artefact.gains,
        "bootstrap": artefact.bootstrap,
        "platt": artefact.click_model and asdict(artefact.click_model.platt),
        "config": artefact.config and asdict(artefact.config),
        "report": artefact.report,
    }


def _feature_set(found: dict[str, Any], folder: Path) -> FeatureSet:
    """Of the sources that it was trained with, as long as this code still builds the same columns from them."""
    built = FeatureSet.of(found["sources"])
    names = tuple(found["names"])
    if names == built.names and found["id"] == built.id:
        return built
    gone = [name for name in names if name not in built.names]
    new = [name for name in built.names if name not in names]
    differs = f"no longer built: {gone}; new: {new}" if gone or new else "the same names, in another order or meaning"
    raise ArtefactError(
        f"{folder}: trained on features {list(names)} ({found['id']}), but this code builds {list(built.names)} "
        f"({built.id}): {differs}. Run `manage.py retrain ranker`, or deploy the release that matches."
    )


def _as_served(order: BoostedOrder | OnnxOrder | RetrievalOrder) -> OnnxOrder | RetrievalOrder:
    if isinstance(order, RetrievalOrder):
        return order
    from ranking.onnx_export import as_served, check_same  # noqa: PLC0415 - needs onnx, which serving does without

    try:
        if isinstance(order, BoostedOrder):
            return as_served(order)
        check_same(order)
    except ValueError as wrong:
        raise ArtefactError(f"This ranker cannot be served, so it is not saved. {wrong}") from wrong
    return order


def _order(found: dict[str, Any], feature_set: FeatureSet, folder: Path) -> OnnxOrder | RetrievalOrder:
    try:
        if found["kind"] == "retrieval":
            return RetrievalOrder(feature_set, found["source"])
        boosted = BoostedOrder(feature_set, TreeModel((folder / _MODEL).read_bytes().decode()))
        return OnnxOrder(boosted, (folder / _TREES).read_bytes())
    except ValueError as wrong:
        raise ArtefactError(f"{folder}: {wrong} Train it again.") from wrong


def _click_model(platt: dict[str, float] | None, feature_set: FeatureSet, folder: Path) -> ClickModel | None:
    if platt is None:
        return None
    try:
        return ClickModel(feature_set, TreeModel((folder / _CLICK_MODEL).read_bytes().decode()), Platt(**platt))
    except ValueError as wrong:
        raise ArtefactError(f"{folder}: {wrong} Train it again.") from wrong


def _config(values: dict[str, Any] | None, folder: Path) -> RankerConfig | None:
    if values is None:
        return None
    try:
        clicks = ClickModelConfig(**values["click_model"]) if values.get("click_model") else None
        return RankerConfig(**{**values, "click_model": clicks})
    except (TypeError, ValueError) as error:
        raise ArtefactError(f"{folder}: its config is not one of this code ({error}). Train it again.") from error


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _check_format(version: int) -> None:
    if version != FORMAT_VERSION:
        raise ArtefactError(f"This ranker has format {version}, but this code reads {FORMAT_VERSION}. Train again.")


def _check_files(folder: Path) -> None:
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise ArtefactError(f"{folder} has no {MANIFEST}, so it was never finished. Remove it, or train again.")
    for name, expected in json.loads(manifest.read_text())["sha256"].items():
        path = folder / name
        if not path.is_file() or _checksum(path) != expected:
            raise ArtefactError(f"{path} is missing or not what was written. Take another release, or train again.")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
