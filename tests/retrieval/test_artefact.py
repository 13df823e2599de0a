from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval import artefact as artefact_module
from retrieval.artefact import MANIFEST, ArtefactError, RetrieverArtefact, load, save
from retrieval.candidate_features import COUNTS
from retrieval.config import Encoder, Negatives, TowerConfig, TrainingConfig, TwoTowerConfig
from retrieval.content import FIRST_ITEM, TOPICS
from tests.retrieval.worlds import START, UNTIL

FILES = ("item_embeddings.npy", "query_items.npy", "weights.npz", "query_tower.onnx", "retriever.json")


def made(**changes: object) -> RetrieverArtefact:
    vectors = np.eye(4, 16, dtype=np.float32)
    values: dict[str, Any] = {
        "item_ids": np.array([7, 3, 9, 4]),
        "item_embeddings": vectors,
        "item_topics": np.ones((4, TOPICS), np.int32),
        "item_counts": np.zeros((4, COUNTS), np.float32),
        "query_items": np.zeros((FIRST_ITEM + 4, 16), np.float32),
        "query_tower": b"query",
        "candidate_tower": b"candidate",
        "weights": {"query.mix": np.ones(2, np.float32)},
        "config": TwoTowerConfig(
            TowerConfig(dim=16, encoder=Encoder.ATTENTION), TrainingConfig(negatives=Negatives.SAMPLED)
        ),
        "trained_from": START,
        "trained_until": UNTIL,
        "metrics": {"epochs": 3.0},
    }
    return RetrieverArtefact(**(values | changes))


def test_saving_and_loading_changes_nothing(tmp_path: Path) -> None:
    artefact = made()
    save(artefact, tmp_path / "one")
    loaded = load(tmp_path / "one")
    for field in fields(RetrieverArtefact):
        before, after = getattr(artefact, field.name), getattr(loaded, field.name)
        if isinstance(before, np.ndarray):
            np.testing.assert_array_equal(after, before)
            assert after.dtype == before.dtype
        elif field.name == "weights":
            np.testing.assert_array_equal(after["query.mix"], before["query.mix"])
        else:
            assert after == before
    assert loaded.config.towers.encoder is Encoder.ATTENTION
    assert loaded.config.training.negatives is Negatives.SAMPLED


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"item_ids": np.array([7, 3])}, "ids and config say"),
        ({"item_ids": np.array([7, 3, 9, 9])}, "repeat"),
        ({"item_embeddings": np.full((4, 16), np.nan, np.float32)}, "not finite"),
        ({"item_embeddings": np.full((4, 16), 0.5, np.float32)}, "unit norm"),
        ({"item_counts": np.zeros((3, COUNTS), np.float32)}, "item_counts has 3 rows"),
        ({"query_items": np.zeros((4, 16), np.float32)}, "query_items is"),
        ({"trained_until": START - timedelta(days=1)}, "before it began"),
        ({"format_version": 99}, "Train again"),
    ],
)
def test_values_that_contradict_each_other_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ArtefactError, match=said):
        made(**changes)


def test_an_artefact_is_never_written_over(tmp_path: Path) -> None:
    save(made(), tmp_path / "one")
    with pytest.raises(FileExistsError, match="there already"):
        save(made(), tmp_path / "one")


def test_a_folder_without_a_manifest_is_no_artefact(tmp_path: Path) -> None:
    save(made(), tmp_path / "one")
    (tmp_path / "one" / MANIFEST).unlink()
    with pytest.raises(ArtefactError, match="never finished"):
        load(tmp_path / "one")


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_changed_is_noticed(tmp_path: Path, name: str) -> None:
    save(made(), tmp_path / "one")
    with (tmp_path / "one" / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ArtefactError, match=name):
        load(tmp_path / "one")


def test_what_an_interrupted_save_left_does_not_hinder_the_next(tmp_path: Path) -> None:
    unfinished = tmp_path / ".one.unfinished"
    unfinished.mkdir()
    (unfinished / "rubbish").write_text("half")
    save(made(), tmp_path / "one")
    assert "rubbish" not in json.loads((tmp_path / "one" / MANIFEST).read_text())["sha256"]


def test_towers_that_learned_from_words_hashed_otherwise_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(artefact_module, "FORMAT_VERSION", 1)
        save(made(format_version=1), tmp_path / "old")
    with pytest.raises(ArtefactError, match=r"has format 1, but this code reads 3\. Train again"):
        load(tmp_path / "old")


def test_a_config_of_other_code_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(artefact_module, "asdict", lambda config: {"towers": {"depth": 7}, "training": {}})
        save(made(), tmp_path / "other")
    with pytest.raises(ArtefactError, match="not one of this code"):
        load(tmp_path / "other")


def test_free_norms_have_a_bias_as_their_last_dimension() -> None:
    free = replace(made().config, towers=TowerConfig(dim=16, unit_norm=False))
    wide = np.ones((4, 17), np.float32)
    assert made(config=free, item_embeddings=wide).item_embeddings.shape == (4, 17)
    with pytest.raises(ArtefactError, match="ids and config say"):
        made(config=free)
