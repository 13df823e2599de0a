from __future__ import annotations

import json
import mmap
import shutil
import sys
from dataclasses import fields, replace
from pathlib import Path
from subprocess import run

import numpy as np
import pytest

from retrieval import artefact as towers
from retrieval.artefact_files import MANIFEST, ArtefactError
from retrieval.candidates import Source
from retrieval.index import ItemVectors
from retrieval.query_state import QueryState
from retrieval.stage import PERSONAL_SOURCES, FittedStage, RetrievalStage, load_stage, save_stage
from retrieval.stage_files import TOWERS
from tests.recsite.funnel.world import small_fitted, small_stage
from tests.retrieval.worlds import START, UNTIL, catalogue

LOVES_EVEN = QueryState(
    at=UNTIL,
    history=np.array([100, 104, 108]),
    history_kinds=("click",) * 3,
    history_ages_s=np.array([90_000.0, 50_000.0, 4_000.0], np.float32),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stages") / "one"
    save_stage(small_fitted(), folder)
    return folder


@pytest.fixture(scope="module")
def loaded(folder: Path) -> RetrievalStage:
    return load_stage(folder)


def asked(source: Source, state: QueryState = LOVES_EVEN) -> list[tuple[int, float]]:
    found = source.candidates(state, 10, exclude=state.history)
    return list(zip(found.item_ids.tolist(), found.scores.tolist(), strict=True))


def test_five_sources_go_by_what_a_reader_chose_and_all_know_the_even_ones() -> None:
    sources = small_stage().personal_sources()
    assert tuple(source.name for source in sources) == PERSONAL_SOURCES
    for source in sources:
        assert {item % 2 for item, _ in asked(source)[:5]} == {0}, source.name


def test_saving_and_loading_changes_no_answer(loaded: RetrievalStage) -> None:
    for before, after in zip(small_stage().personal_sources(), loaded.personal_sources(), strict=True):
        assert asked(after) == asked(before), before.name
    assert (loaded.trained_from, loaded.trained_until) == (START, UNTIL)
    assert loaded.config == small_stage().config
    assert loaded.metrics == small_stage().metrics
    assert loaded.index.version == small_stage().index.version
    for part in ("covisitation", "graph_walk", "als"):
        assert getattr(loaded, part).config == getattr(small_stage(), part).config


def test_what_the_index_finds_stands_beside_what_training_measured(loaded: RetrievalStage) -> None:
    assert loaded.metrics == small_fitted().artefact.metrics | {"index_recall": 1.0}


def test_items_of_training_stand_in_order_and_in_the_memory_of_the_index(loaded: RetrievalStage) -> None:
    assert loaded.item_ids.tolist() == list(range(100, 124))
    assert np.shares_memory(loaded.item_vectors, loaded.index.base.items.vectors)


def test_a_new_item_is_embedded_and_found_and_the_old_stage_stays_as_it_was(loaded: RetrievalStage) -> None:
    new = catalogue(26).slice(24)  # 124 is even, 125 odd; training met neither
    vectors = loaded.candidate_tower.embed(new, UNTIL.timestamp())
    grown = loaded.with_changes(ItemVectors(np.array([124, 125]), vectors), np.array([102]))
    everything = {item for item, _ in asked_all(grown)}
    assert {124, 125} <= everything
    assert 102 not in everything
    assert {item for item, _ in asked_all(loaded)} == set(range(100, 124)) - set(LOVES_EVEN.history.tolist())
    assert grown.trained_until == loaded.trained_until


def asked_all(stage: RetrievalStage) -> list[tuple[int, float]]:
    found = stage.retriever.candidates(LOVES_EVEN, 100, exclude=LOVES_EVEN.history)
    return list(zip(found.item_ids.tolist(), found.scores.tolist(), strict=True))


def test_an_item_that_training_knew_gets_its_own_vector_back(loaded: RetrievalStage) -> None:
    again = loaded.candidate_tower.embed(catalogue(), UNTIL.timestamp())
    np.testing.assert_allclose(again, loaded.item_vectors, atol=1e-5)


def test_embedding_keeps_one_session(loaded: RetrievalStage) -> None:
    loaded.candidate_tower.embed(catalogue(), UNTIL.timestamp())
    kept = vars(loaded.candidate_tower)["_asked"]
    loaded.candidate_tower.embed(catalogue(), UNTIL.timestamp())
    assert vars(loaded.candidate_tower)["_asked"] is kept


def test_the_candidate_tower_takes_no_memory_until_it_is_asked_and_outlives_its_file(folder: Path) -> None:
    moved = folder.with_name("moved")
    shutil.copytree(folder, moved)
    stage = load_stage(moved)
    shutil.rmtree(moved)
    assert isinstance(stage.candidate_tower.tower, mmap.mmap)
    np.testing.assert_allclose(
        stage.candidate_tower.embed(catalogue(), UNTIL.timestamp()), stage.item_vectors, atol=1e-5
    )


def test_weights_are_in_the_files_for_a_warm_start_and_not_in_a_loaded_stage(folder: Path) -> None:
    weights = towers.load(folder / TOWERS).weights
    assert weights
    assert towers.read(folder / TOWERS, with_weights=False).weights == {}
    for name, array in small_fitted().artefact.weights.items():
        np.testing.assert_array_equal(weights[name], array)


def test_the_manifest_names_every_file_also_those_of_the_towers(folder: Path) -> None:
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(json.loads((folder / MANIFEST).read_text())["sha256"]) == files - {MANIFEST}
    assert f"{TOWERS}/{MANIFEST}" in files


def test_a_stage_is_never_written_over(folder: Path) -> None:
    with pytest.raises(FileExistsError, match="there already"):
        save_stage(small_fitted(), folder)


def test_a_stage_that_cannot_be_written_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(towers, "save", full)
        with pytest.raises(OSError, match="No space"):
            save_stage(small_fitted(), tmp_path / "one")
    assert not (tmp_path / "one").exists()
    save_stage(small_fitted(), tmp_path / "one")
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


@pytest.mark.parametrize(
    "name",
    [
        "stage.json",
        "index.npz",
        "graph_weights.npy",
        "als_gram.npy",
        "towers/item_embeddings.npy",
        "towers/manifest.json",
    ],
)
@pytest.mark.parametrize("is_gone", [False, True])
def test_a_file_that_changed_or_is_gone_is_named(tmp_path: Path, name: str, is_gone: bool) -> None:
    save_stage(small_fitted(), tmp_path / "one")
    path = tmp_path / "one" / name
    if is_gone:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"#")
    with pytest.raises(ArtefactError, match=name):
        load_stage(tmp_path / "one")


def test_a_folder_that_was_never_finished_is_no_stage(tmp_path: Path) -> None:
    save_stage(small_fitted(), tmp_path / "one")
    (tmp_path / "one" / MANIFEST).unlink()
    with pytest.raises(ArtefactError, match="never finished"):
        load_stage(tmp_path / "one")
    (tmp_path / "one" / MANIFEST).write_text("{")
    with pytest.raises(ArtefactError, match="damaged"):
        load_stage(tmp_path / "one")


@pytest.mark.parametrize(
    ("file", "changed", "said"),
    [("format_version", 99, "Train again"), ("configs", {"implicit_als": {"depth": 7}}, "not a stage of this code")],
)
def test_a_stage_of_other_code_is_refused(tmp_path: Path, file: str, changed: object, said: str) -> None:
    save_stage(small_fitted(), tmp_path / "one")
    path = tmp_path / "one" / "stage.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), file: changed}))
    (tmp_path / "one" / MANIFEST).write_text(json.dumps({"sha256": {}}))
    with pytest.raises(ArtefactError, match=said):
        load_stage(tmp_path / "one")


def test_an_index_of_other_vectors_is_refused(tmp_path: Path) -> None:
    fitted = small_fitted()
    other = fitted.index.apply(deletes=np.array([100])).rebuilt()
    save_stage(replace(fitted, index=other), tmp_path / "one")
    with pytest.raises(ArtefactError, match=r"index\.npz"):
        load_stage(tmp_path / "one")


def test_a_folder_may_be_removed_while_its_stage_is_asked(tmp_path: Path) -> None:
    save_stage(small_fitted(), tmp_path / "one")
    stage = load_stage(tmp_path / "one")
    for path in sorted((tmp_path / "one").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    for before, after in zip(small_stage().personal_sources(), stage.personal_sources(), strict=True):
        assert asked(after) == asked(before)


def test_loading_and_asking_needs_nothing_that_only_training_needs(folder: Path) -> None:
    code = f"""
import sys
from datetime import UTC, datetime
from pathlib import Path
import numpy as np
from retrieval.query_state import QueryState
from retrieval.stage import load_stage
stage = load_stage(Path({str(folder)!r}))
state = QueryState(datetime(2026, 1, 9, tzinfo=UTC), np.array([100, 104]), ("click", "like"), np.ones(2, np.float32))
for source in stage.personal_sources():
    assert len(source.candidates(state, 5, exclude=state.history)) == 5
print(*sys.modules)
"""
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"torch", "onnx", "implicit", "pandas", "sklearn", "lightgbm", "django", "polars"}


def test_a_fitted_stage_has_the_parts_that_its_files_have() -> None:
    assert {field.name for field in fields(FittedStage)} == {"artefact", "index", "covisitation", "graph_walk", "als"}
