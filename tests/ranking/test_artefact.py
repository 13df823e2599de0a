from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranking import artefact as artefact_module
from ranking import features as features_module
from ranking.artefact import MANIFEST, ArtefactError, RankerArtefact, load, save
from ranking.features import FeatureSet
from ranking.onnx_order import OnnxOrder
from ranking.onnx_trees import trees_as_onnx
from ranking.order import BoostedOrder, RetrievalOrder
from ranking.train import train_ranker
from tests.ranking.visit_worlds import FAST, FEATURE_SET, SINCE, UNTIL, position_biased_log

LOG, _ = position_biased_log(200, 6, explored=0.5, seed=0, truth=(0, 2))


@pytest.fixture(scope="module")
def trained() -> RankerArtefact:
    return train_ranker([LOG], FAST, since=SINCE, until=UNTIL, feature_set=FEATURE_SET)


def rewritten(folder: Path, change: dict[str, Any]) -> None:
    """As another version of this code would have written it: with checksums that fit."""
    path = folder / "ranker.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["sha256"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_saving_and_loading_changes_nothing(trained: RankerArtefact, tmp_path: Path) -> None:
    """But who is asked for scores: afterwards ONNX Runtime, still LightGBM for contributions."""
    save(trained, tmp_path / "one")
    loaded = load(tmp_path / "one")
    for field in fields(RankerArtefact):
        if field.name != "order":
            assert getattr(loaded, field.name) == getattr(trained, field.name), field.name
    assert isinstance(loaded.order, OnnxOrder)
    assert loaded.order.boosted == trained.order
    np.testing.assert_allclose(loaded.order.scores(LOG.features), trained.order.scores(LOG.features), atol=1e-5)
    np.testing.assert_array_equal(
        loaded.order.contributions(LOG.features[:9]), trained.order.contributions(LOG.features[:9])
    )
    assert loaded.click_model is not None
    assert trained.click_model is not None
    np.testing.assert_array_equal(
        loaded.click_model.probabilities(LOG.features), trained.click_model.probabilities(LOG.features)
    )


def test_what_was_loaded_can_be_saved_again_as_it_is(trained: RankerArtefact, tmp_path: Path) -> None:
    save(trained, tmp_path / "one")
    save(load(tmp_path / "one"), tmp_path / "two")
    assert load(tmp_path / "two").order == load(tmp_path / "one").order


def test_trees_that_score_differently_are_not_saved(trained: RankerArtefact, tmp_path: Path) -> None:
    assert isinstance(trained.order, BoostedOrder)
    other = trained.order.model.first(1).text
    mixed = replace(trained, order=OnnxOrder(trained.order, trees_as_onnx(other)))
    with pytest.raises(ArtefactError, match=r"cannot be served.*score rows differently"):
        save(mixed, tmp_path / "one")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("source", ["near", None])
def test_no_reranking_is_a_ranker_too(source: str | None, tmp_path: Path) -> None:
    save(RankerArtefact(RetrievalOrder(FEATURE_SET, source)), tmp_path / "plain")
    loaded = load(tmp_path / "plain")
    assert loaded.order == RetrievalOrder(FEATURE_SET, source)
    assert loaded.feature_set == FEATURE_SET
    assert (loaded.since, loaded.until, loaded.config, loaded.click_model) == (None, None, None, None)


def test_a_model_of_other_features_is_refused_by_name(trained: RankerArtefact, tmp_path: Path) -> None:
    """What was found, what this code builds, and the cure."""
    save(trained, tmp_path / "old")
    names = [*("shoe_size" if name == "popularity" else name for name in FEATURE_SET.names), "star_sign"]
    feature_set = {"id": "0123456789ab", "sources": ["near"], "names": names}
    rewritten(tmp_path / "old", {"feature_set": feature_set})
    with pytest.raises(ArtefactError) as refused:
        load(tmp_path / "old")
    said = str(refused.value)
    assert "trained on features ['near_score'" in said
    assert "but this code builds ['near_score'" in said
    assert "no longer built: ['shoe_size', 'star_sign']; new: ['popularity']" in said
    assert "manage.py retrain" in said


def test_features_of_the_same_names_that_mean_something_else_are_refused(
    trained: RankerArtefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(trained, tmp_path / "old")
    monkeypatch.setattr(features_module, "_id", lambda sources: "0123456789ab")
    with pytest.raises(ArtefactError, match="in another order or meaning"):
        load(tmp_path / "old")


def test_an_artefact_is_never_edited(trained: RankerArtefact, tmp_path: Path) -> None:
    save(trained, tmp_path / "one")
    with pytest.raises(FileExistsError, match="written once"):
        save(trained, tmp_path / "one")


def test_what_a_killed_writer_left_is_no_artefact_and_does_not_disturb(
    trained: RankerArtefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(artefact_module, "_checksum", killed)
        with pytest.raises(KeyboardInterrupt):
            save(trained, tmp_path / "one")
    assert not (tmp_path / "one").exists()
    with pytest.raises(ArtefactError, match="never finished"):
        load(tmp_path / ".one.unfinished")
    save(trained, tmp_path / "one")
    assert load(tmp_path / "one").gains == trained.gains
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


@pytest.mark.parametrize("name", ["model.txt", "model.onnx", "click_model.txt", "ranker.json"])
def test_a_damaged_or_missing_file_is_refused_before_it_is_read(
    trained: RankerArtefact, tmp_path: Path, name: str
) -> None:
    save(trained, tmp_path / "one")
    path = tmp_path / "one" / name
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ArtefactError, match=name):
        load(tmp_path / "one")
    path.unlink()
    with pytest.raises(ArtefactError, match=name):
        load(tmp_path / "one")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format_version": 2}, "has format 2"),
        ({"config": {"shoe_size": 43}}, "shoe_size"),
        ({"order": {"kind": "retrieval", "source": "far"}}, "far is not among the sources"),
    ],
)
def test_what_another_version_wrote_is_refused(
    trained: RankerArtefact, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    save(trained, tmp_path / "one")
    rewritten(tmp_path / "one", change)
    with pytest.raises(ArtefactError, match=said):
        load(tmp_path / "one")


def test_a_model_file_of_another_training_is_refused(trained: RankerArtefact, tmp_path: Path) -> None:
    save(trained, tmp_path / "one")
    (tmp_path / "one" / "model.txt").write_bytes((tmp_path / "one" / "click_model.txt").read_bytes())
    manifest = json.loads((tmp_path / "one" / MANIFEST).read_text())
    manifest["sha256"]["model.txt"] = manifest["sha256"]["click_model.txt"]
    (tmp_path / "one" / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match="shown_position"):
        load(tmp_path / "one")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"since": UNTIL, "until": SINCE}, "before it began"),
        ({"since": None}, "on which window"),
        ({"config": None}, "by which config"),
        ({"gains": (0.0, 2.0, 1.0)}, "must not fall"),
        ({"bootstrap": True}, "no click model"),
        ({"order": RetrievalOrder(FeatureSet.of(["far"]))}, "two trainings"),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    trained: RankerArtefact, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ArtefactError, match=said):
        replace(trained, **changes)
