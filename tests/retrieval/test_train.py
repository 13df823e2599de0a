from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch

from retrieval import train
from retrieval.artefact import ArtefactError, RetrieverArtefact
from retrieval.candidate_features import CandidateFeatures
from retrieval.config import ConfigError, Encoder, Negatives, PositiveCorrection, TwoTowerConfig
from retrieval.content import ItemContent
from retrieval.encoding import QueryEncoder
from retrieval.features import encode_states
from retrieval.query_state import QueryState
from retrieval.towers import QueryTower
from retrieval.train import EpochDone, StepDone, train_retriever, train_towers
from retrieval.training_errors import MissingValue, NoPositives, NotFinite, TrainingStopped
from tests.retrieval.worlds import SMALL, UNTIL, catalogue, positives


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def without_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing ONNX takes seconds; tests that look at other things leave it out."""
    monkeypatch.setattr(train, "exported", lambda tower, example: b"")


def training(**options: object) -> TwoTowerConfig:
    return replace(SMALL, training=replace(SMALL.training, **options))  # type: ignore[arg-type]


LASTING = TwoTowerConfig(
    replace(SMALL.towers, unit_norm=False, place_decay=0, uses_counts=False),
    replace(SMALL.training, spectral_ridge=5.0, weight_averaging=0.9, learning_rate=1e-3),
)


def learn(config: TwoTowerConfig = SMALL, table: pa.Table | None = None, **options: object) -> RetrieverArtefact:
    tables = [positives() if table is None else table]
    return train_retriever(tables, catalogue(), config, until=UNTIL, **options)  # type: ignore[arg-type]


def share_of_own_kind(artefact: RetrieverArtefact, items: list[int], kind: int) -> float:
    """Of the best ten for a reader of these items, how many are even (0) or odd (1)."""
    scores = artefact.item_embeddings @ vector_of(artefact, reader_of(items))
    best = artefact.item_ids[np.argsort(-scores)[:10]]
    return float((best % 2 == kind).mean())


def reader_of(items: list[int]) -> QueryState:
    return QueryState(
        at=UNTIL,
        history=np.array(items),
        history_kinds=("click",) * len(items),
        history_ages_s=np.linspace(43_200 * len(items), 3600, len(items)).astype(np.float32),
    )


def vector_of(artefact: RetrieverArtefact, state: QueryState) -> np.ndarray:
    """By the tower in torch."""
    tower = QueryTower(len(artefact.item_ids), artefact.config.towers).eval()
    weights = {name: torch.from_numpy(array) for name, array in artefact.weights.items()}
    tower.load_state_dict({name.removeprefix("query."): w for name, w in weights.items() if name.startswith("query.")})
    content = ItemContent.from_table(catalogue(), artefact.config.towers)
    features = encode_states([state], content, artefact.config.towers)
    with torch.no_grad():
        vector: torch.Tensor = tower(**{name: torch.from_numpy(array) for name, array in features.arrays().items()})
    return vector[0].numpy()


@pytest.mark.parametrize(
    "config",
    [
        training(),
        training(negatives=Negatives.SAMPLED, uniform_negatives=16),
        training(negatives=Negatives.SAMPLED, uniform_negatives=16, positive_correction=PositiveCorrection.OWN),
        training(negatives=Negatives.SAMPLED, uniform_negatives=16, hard_negatives=2, hard_skip=1, hard_window=6),
        training(negatives=Negatives.SAMPLED, uniform_negatives=0, in_batch_negatives=15, streaming_rate=0.001),
        training(negatives=Negatives.GRAMIAN, uniform_negatives=16, epochs=25),
        training(negatives=Negatives.GRAMIAN, uniform_negatives=16, epochs=25, gramian_rate=0.2, gramian_weight=3.0),
        replace(SMALL, towers=replace(SMALL.towers, encoder=Encoder.ATTENTION)),
        replace(SMALL, towers=replace(SMALL.towers, unit_norm=False)),
        LASTING,
    ],
    ids=[
        "all negatives",
        "sampled",
        "own correction",
        "hard",
        "blocks, streaming",
        "gramian",
        "averaged gramian",
        "attention",
        "free norms",
        "lasting taste",
    ],
)
@pytest.mark.usefixtures("without_export")
def test_a_world_of_two_tastes_is_recovered(config: TwoTowerConfig) -> None:
    assert_two_tastes(learn(config))


@pytest.mark.parametrize(
    "config",
    [
        training(),
        training(negatives=Negatives.SAMPLED, uniform_negatives=16, hard_negatives=2, hard_skip=1, hard_window=6),
        training(negatives=Negatives.GRAMIAN, uniform_negatives=16, epochs=25, gramian_rate=0.2, gramian_weight=3.0),
        replace(SMALL, towers=replace(SMALL.towers, encoder=Encoder.ATTENTION)),
        LASTING,
    ],
    ids=["all negatives", "hard", "averaged gramian", "attention", "lasting taste"],
)
@pytest.mark.usefixtures("without_export")
def test_two_tastes_are_recovered_in_the_precision_of_a_gpu(
    config: TwoTowerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "_precision", lambda device: torch.autocast(device.type, dtype=torch.bfloat16))
    assert_two_tastes(learn(config))


def assert_two_tastes(artefact: RetrieverArtefact) -> None:
    assert share_of_own_kind(artefact, [100, 104, 108, 112], kind=0) >= 0.9
    assert share_of_own_kind(artefact, [101, 105, 109, 113], kind=1) >= 0.9


def test_the_exported_tower_is_the_one_that_was_trained() -> None:
    artefact = learn(training(epochs=1))
    state = reader_of([100, 104, 108])
    served = QueryEncoder.of(artefact).vectors([state])[0]
    np.testing.assert_allclose(served, vector_of(artefact, state), atol=1e-5)


def with_refused(table: pa.Table, item: int) -> pa.Table:
    """The same positives, where every reader also saw `item` each time and never chose it."""
    kept = table.filter(pc.field("item_id") != item)
    return kept.append_column("not_chosen", pa.array([[item]] * len(kept), pa.list_(pa.int64())))


@pytest.mark.usefixtures("without_export")
@pytest.mark.parametrize("negatives", [Negatives.ALL, Negatives.SAMPLED])
def test_what_was_seen_and_never_chosen_sinks_with_its_weight(negatives: Negatives) -> None:
    table = with_refused(positives(), 110)
    margins = []
    for weight in (0.0, 2.0):
        config = training(negatives=negatives, uniform_negatives=16, impression_weight=weight)
        artefact = learn(config, table)
        scores = artefact.item_embeddings @ vector_of(artefact, reader_of([100, 104, 108]))
        margins.append(float(scores[artefact.item_ids == 110][0] - scores[artefact.item_ids % 2 == 0].mean()))
    assert margins[1] < margins[0]


@pytest.mark.usefixtures("without_export")
def test_held_against_what_was_seen_alone_towers_learn_of_nothing_else() -> None:
    artefact = learn(training(negatives=Negatives.SEEN, impression_weight=1.0), with_refused(positives(), 110))
    scores = artefact.item_embeddings @ vector_of(artefact, reader_of([100, 104, 108]))
    of_others = scores[(artefact.item_ids % 2 == 1)]
    assert scores[artefact.item_ids == 110][0] < scores[artefact.item_ids % 2 == 0].mean() - 0.5
    assert of_others.mean() > scores[artefact.item_ids == 110][0] + 0.5  # never seen, so never pressed down


def test_negatives_that_were_seen_alone_need_a_weight() -> None:
    with pytest.raises(ConfigError, match="impression_weight"):
        training(negatives=Negatives.SEEN)


@pytest.mark.usefixtures("without_export")
def test_impressions_of_weight_zero_change_not_a_bit() -> None:
    table = with_refused(positives(), 110)
    without = learn(table=table.drop_columns(["not_chosen"]))
    np.testing.assert_array_equal(learn(table=table).item_embeddings, without.item_embeddings)


@pytest.mark.usefixtures("without_export")
def test_hard_negatives_beside_the_whole_catalogue_are_refused() -> None:
    with pytest.raises(ConfigError, match="sampled"):
        learn(training(negatives=Negatives.ALL, hard_negatives=2))


@pytest.mark.usefixtures("without_export")
def test_the_same_seed_gives_the_same_vectors_and_another_one_does_not() -> None:
    first, again, other = learn(), learn(), learn(training(seed=1))
    np.testing.assert_array_equal(first.item_embeddings, again.item_embeddings)
    assert not np.allclose(first.item_embeddings, other.item_embeddings)


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        training(negatives=Negatives.SAMPLED, uniform_negatives=8, streaming_rate=0.01),
        training(negatives=Negatives.GRAMIAN, uniform_negatives=8, gramian_rate=0.1),
        LASTING,
    ],
    ids=["all negatives", "streaming", "averaged gramian", "lasting taste"],
)
@pytest.mark.usefixtures("without_export")
def test_a_training_that_was_stopped_goes_on_to_the_same_result(config: TwoTowerConfig, tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.pt"
    seen: list[EpochDone] = []
    with pytest.raises(TrainingStopped):
        learn(config, checkpoint=checkpoint, on_epoch=seen.append, should_stop=lambda: len(seen) == 3)
    resumed = learn(config, checkpoint=checkpoint, on_epoch=seen.append)
    assert [done.epoch for done in seen] == [1, 2, 3, 4, 5, 6]
    whole = learn(config)
    np.testing.assert_array_equal(resumed.item_embeddings, whole.item_embeddings)
    assert set(resumed.weights) == set(learn(training(epochs=1)).weights)  # towers alone, not what the loss remembers
    assert not checkpoint.exists()


def stopped_after_two_epochs(checkpoint: Path) -> None:
    seen: list[EpochDone] = []
    with pytest.raises(TrainingStopped):
        learn(checkpoint=checkpoint, on_epoch=seen.append, should_stop=lambda: len(seen) == 2)
    assert checkpoint.exists()


def renamed(items: pa.Table) -> pa.Table:
    """A catalogue of the same size, other ids, and of the same choices."""
    return items.set_column(0, "item_id", pc.add(items["item_id"], 1))


@pytest.mark.parametrize(
    ("config", "items", "table", "options"),
    [
        (training(seed=1), catalogue(), positives(), {}),
        (training(temperature=0.1), catalogue(), positives(), {}),
        (SMALL, renamed(catalogue()), positives(), {}),
        (SMALL, catalogue(30), positives(), {}),
        (SMALL, catalogue(), positives(seed=1), {}),
        (SMALL, catalogue(), positives(), {"until": UNTIL + timedelta(hours=1)}),
        (SMALL, catalogue(), positives(), {"validation": positives()}),
    ],
    ids=["seed", "temperature", "other items", "more items", "other rows", "window", "validation"],
)
@pytest.mark.usefixtures("without_export")
def test_a_checkpoint_of_another_training_is_not_gone_on_from(
    config: TwoTowerConfig, items: pa.Table, table: pa.Table, options: dict[str, Any], tmp_path: Path
) -> None:
    checkpoint = tmp_path / "training.pt"
    stopped_after_two_epochs(checkpoint)
    seen: list[EpochDone] = []
    with pytest.raises(TrainingStopped):
        train_retriever(
            [table],
            items,
            config,
            **({"until": UNTIL} | options),
            checkpoint=checkpoint,
            on_epoch=seen.append,
            should_stop=lambda: bool(seen),
        )
    assert [done.epoch for done in seen] == [1]


@pytest.mark.usefixtures("without_export")
def test_a_checkpoint_of_another_beginning_is_not_gone_on_from(tmp_path: Path) -> None:
    before = learn(training(epochs=1))
    stopped_after_two_epochs(tmp_path / "training.pt")
    seen: list[EpochDone] = []
    learn(checkpoint=tmp_path / "training.pt", warm_start=before, on_epoch=seen.append)
    assert [done.epoch for done in seen] == [1, 2, 3, 4, 5, 6]


@pytest.mark.usefixtures("without_export")
def test_every_step_is_told_and_an_epoch_ends_where_it_was_expected_to() -> None:
    steps: list[StepDone] = []
    epochs: list[EpochDone] = []
    learn(training(epochs=2), on_step=steps.append, on_epoch=epochs.append)
    for done in epochs:
        rows = [step.rows for step in steps if step.epoch == done.epoch]
        assert rows == sorted(set(rows))
        assert rows[-1] == done.rows
    assert {(step.epochs, step.expected_rows) for step in steps} == {(2, 360)}
    assert steps[-1].rows == 360


@pytest.mark.usefixtures("without_export")
def test_averaged_weights_are_the_exponential_average_over_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    step = train._Towers.step

    def watched(towers: train._Towers) -> None:
        step(towers)
        seen.append(towers.candidate.items.weight.detach().clone())

    monkeypatch.setattr(train._Towers, "step", watched)
    towers = train_towers([positives()], catalogue(), training(weight_averaging=0.8), until=UNTIL)
    expected = seen[0]
    for weight in seen[1:]:
        expected = 0.8 * expected + 0.2 * weight
    assert torch.allclose(towers.candidate.items.weight, expected, atol=1e-6)


@pytest.mark.usefixtures("without_export")
def test_towers_alone_are_those_of_the_artefact() -> None:
    towers = train_towers([positives()], catalogue(), SMALL, until=UNTIL)
    np.testing.assert_array_equal(towers.item_vectors(), learn().item_embeddings)


def test_a_streaming_estimate_has_seen_every_row_and_comes_near_the_counts() -> None:
    config = training(negatives=Negatives.SAMPLED, uniform_negatives=8, streaming_rate=0.001)
    seen: list[EpochDone] = []
    towers = train_towers([positives()], catalogue(), config, until=UNTIL, on_epoch=seen.append)
    estimate = towers.objective.memory.streaming()
    assert estimate.examples == sum(done.rows for done in seen)
    draws = towers.objective.spool.expected_draws
    counted = (draws + 1) / (draws + 1).sum()
    assert np.abs(np.log(estimate.probability(np.arange(24)) / counted)).max() < 0.4


@pytest.mark.usefixtures("without_export")
def test_training_ends_when_a_later_window_says_so_and_gives_the_best_epoch() -> None:
    table = positives()
    whole_days = pc.less(table["happened_at"], pa.scalar(UNTIL - timedelta(days=4), table.schema.field(2).type))
    early, later = table.filter(whole_days), table.filter(pc.invert(whole_days))
    seen: list[EpochDone] = []
    artefact = learn(training(epochs=40, patience=2), early, validation=later, on_epoch=seen.append)
    scores = [done.validation or 0.0 for done in seen]
    assert len(seen) < 40
    assert artefact.metrics["validation_ndcg_at_100"] == max(scores)
    assert artefact.metrics["epochs"] == 1 + int(np.argmax(scores)) == len(seen) - 2


@pytest.mark.usefixtures("without_export")
def test_a_warm_start_keeps_what_was_learned_and_takes_new_items() -> None:
    before = learn()
    once = training(epochs=1, learning_rate=1e-6, table_learning_rate=1e-6)
    grown = catalogue(30).take(np.random.default_rng(0).permutation(30))  # new items, another order
    after = train_retriever([positives()], grown, once, until=UNTIL, warm_start=before)
    place = {item: row for row, item in enumerate(after.item_ids.tolist())}
    kept = after.item_embeddings[[place[item] for item in before.item_ids.tolist()]]
    assert (kept * before.item_embeddings).sum(axis=1).min() > 0.95
    assert len(after.item_ids) == 30


@pytest.mark.usefixtures("without_export")
def test_a_warm_start_from_towers_of_another_size_is_refused() -> None:
    before = learn(training(epochs=1))
    wider = replace(SMALL, towers=replace(SMALL.towers, dim=32))
    with pytest.raises(ArtefactError, match="without a warm start"):
        learn(wider, warm_start=before)


@pytest.mark.usefixtures("without_export")
def test_a_loss_that_is_no_number_is_named() -> None:
    with pytest.raises(NotFinite, match="learning_rate"):
        learn(training(learning_rate=1e30))


def break_after(monkeypatch: pytest.MonkeyPatch, epoch: int, value: float) -> None:
    """The last step of an epoch, counted from 0, leaves `value` in the candidate tower; its loss is an ordinary one."""
    run_epoch = train._run_epoch

    def broken(towers: train._Towers, objective: Any, number: int, *others: Any) -> tuple[float, int]:
        told = run_epoch(towers, objective, number, *others)
        if number == epoch:
            with torch.no_grad():
                for weights in towers.candidate.parameters():
                    weights.fill_(value)
        return told

    monkeypatch.setattr(train, "_run_epoch", broken)


FREE = replace(SMALL, towers=replace(SMALL.towers, unit_norm=False))


@pytest.mark.parametrize(("value", "said"), [(float("nan"), "after epoch 6"), (1e20, "Vectors of items")])
@pytest.mark.usefixtures("without_export")
def test_what_the_last_step_broke_is_named(monkeypatch: pytest.MonkeyPatch, value: float, said: str) -> None:
    break_after(monkeypatch, 5, value)
    with pytest.raises(NotFinite, match=f"{said}.*Lower learning_rate"):
        learn(FREE)


@pytest.mark.parametrize(("value", "said"), [(float("nan"), "after epoch 3"), (1e20, "later window")])
@pytest.mark.usefixtures("without_export")
def test_a_broken_epoch_is_no_best_epoch(monkeypatch: pytest.MonkeyPatch, value: float, said: str) -> None:
    break_after(monkeypatch, 2, value)
    seen: list[EpochDone] = []
    with pytest.raises(NotFinite, match=f"{said}.*Lower learning_rate"):
        learn(FREE, validation=positives(), on_epoch=seen.append)
    assert len(seen) == 2


@pytest.mark.usefixtures("without_export")
def test_a_broken_epoch_is_not_what_the_next_attempt_goes_on_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "training.pt"
    with monkeypatch.context() as patch:
        break_after(patch, 2, float("nan"))
        with pytest.raises(NotFinite):
            learn(checkpoint=checkpoint, validation=positives())
    seen: list[EpochDone] = []
    learn(checkpoint=checkpoint, validation=positives(), on_epoch=seen.append)
    assert seen[0].epoch == 3


@pytest.mark.parametrize(
    "config",
    [
        training(negatives=Negatives.SAMPLED, uniform_negatives=0),  # one a day: each would be alone in its batch
        training(half_life_days=0.01),  # too old to be drawn
    ],
    ids=["alone", "old"],
)
@pytest.mark.usefixtures("without_export")
def test_positives_that_never_make_a_batch_are_nothing_to_learn_from(config: TwoTowerConfig, tmp_path: Path) -> None:
    table = positives(num_readers=4, each=5)
    days = [UNTIL - timedelta(days=1 + place) for place in range(20)]
    lonely = table.set_column(2, "happened_at", pa.array(days, table.schema.field(2).type))
    with pytest.raises(NoPositives, match="refresh_interval_h"):
        learn(config, lonely, checkpoint=tmp_path / "training.pt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["reader_id", "item_id", "happened_at", "state_at", "history"])
@pytest.mark.parametrize("later", [False, True], ids=["learned from", "validation"])
def test_a_row_that_does_not_say_who_what_or_when_is_named(name: str, later: bool) -> None:
    table = positives()
    place = table.column_names.index(name)
    nothing = [None] if name == "history" else None
    values = [nothing, *table[name].to_pylist()[1:]]
    broken = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
    with pytest.raises(MissingValue, match=f"1 values of {name} are null"):
        learn(table=table if later else broken, validation=broken if later else None)


def test_an_item_of_the_catalogue_without_an_id_is_named() -> None:
    items = catalogue()
    ids = pa.array([None, *items["item_id"].to_pylist()[1:]], pa.int64())
    with pytest.raises(MissingValue, match="item_id"):
        train_retriever([positives()], items.set_column(0, "item_id", ids), SMALL, until=UNTIL)


@pytest.mark.usefixtures("without_export")
def test_no_candidate_of_a_batch_knows_when_its_own_row_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are dealt out anew among the rows of each day: what the candidate columns carry stays the same."""
    table = positives()
    days = np.array([when.date().toordinal() for when in table["happened_at"].to_pylist()])
    order = np.lexsort((np.random.default_rng(5).random(len(days)), days))
    dealt = np.empty(len(days), np.int64)
    dealt[np.argsort(days, kind="stable")] = order
    shuffled = table.set_column(2, "happened_at", table["happened_at"].take(dealt))
    assert shuffled["happened_at"].to_pylist() != table["happened_at"].to_pylist()

    def columns(of: pa.Table) -> list[bytes]:
        carried: list[bytes] = []
        take = train.Objective.features

        def noted(self: train.Objective, interval: int, columns: np.ndarray) -> CandidateFeatures:
            features = take(self, interval, columns)
            carried.append(interval.to_bytes(4) + b"".join(array.tobytes() for array in features.arrays().values()))
            return features

        with monkeypatch.context() as patch:
            patch.setattr(train.Objective, "features", noted)
            learn(training(epochs=1), of)
        return carried

    assert columns(shuffled) == columns(table)
