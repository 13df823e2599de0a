from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from retrieval.config import Negatives, TrainingConfig
from retrieval.content import ItemContent
from retrieval.log_q import StreamingFrequency, draw_probabilities
from retrieval.losses import Gramians, gramian_loss
from retrieval.objective import Objective, ObjectiveMemory
from retrieval.snapshots import Snapshots
from retrieval.spool import Piece, Spool, fill_spool
from retrieval.towers import CandidateTower, QueryTower
from tests.retrieval.worlds import SMALL, UNTIL, catalogue, positives

CPU = torch.device("cpu")


class World:
    """Untrained towers without dropout, and rows of one interval."""

    def __init__(self, folder: Path) -> None:
        self.content = ItemContent.from_table(catalogue(), SMALL.towers)
        self.spool: Spool = fill_spool(
            [positives()], self.content, folder, until=UNTIL, towers=SMALL.towers, training=SMALL.training
        )
        torch.manual_seed(0)
        self.query = QueryTower(len(self.content), SMALL.towers).eval()
        self.candidate = CandidateTower(len(self.content), SMALL.towers).eval()
        self.rows = next(iter(self.spool.pieces(np.random.default_rng(0))))

    def objective(self, **options: object) -> Objective:
        config: TrainingConfig = replace(SMALL.training, **options)  # type: ignore[arg-type]
        memory = ObjectiveMemory(config, len(self.content), SMALL.towers.dim, CPU)
        snapshots = Snapshots(self.spool, len(self.content))
        return Objective(self.content, self.spool, snapshots, config, UNTIL.timestamp(), CPU, memory)

    def loss(self, objective: Objective, rows: Piece) -> float:
        return objective.loss(self.query, self.candidate, rows, np.random.default_rng(1)).item()

    def vectors(self, objective: Objective, rows: Piece) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the rows' queries, and of the whole catalogue as the rows' interval has it."""
        features = objective.features(rows.interval, np.arange(len(self.content)))
        query = self.query(**objective.tensors(rows.features.arrays()))
        return query, self.candidate(**objective.tensors(features.arrays()))


@pytest.fixture
def world(tmp_path: Path) -> World:
    torch.set_num_threads(1)
    return World(tmp_path)


def in_batch(**options: object) -> dict[str, object]:
    return {"negatives": Negatives.SAMPLED, "uniform_negatives": 0, **options}


def test_a_rows_negatives_are_only_from_its_block(world: World) -> None:
    rows = world.rows.take(np.arange(12))
    found = world.loss(world.objective(**in_batch(in_batch_negatives=3)), rows)
    whole = world.objective(**in_batch())
    apart = [world.loss(whole, rows.take(np.arange(start, start + 4))) for start in (0, 4, 8)]
    assert found == pytest.approx(np.mean(apart), rel=1e-5)
    assert found != pytest.approx(world.loss(whole, rows), rel=1e-2)


def test_a_batch_too_small_for_two_blocks_is_one(world: World) -> None:
    rows = world.rows.take(np.arange(7))
    few = world.loss(world.objective(**in_batch(in_batch_negatives=5)), rows)
    assert few == world.loss(world.objective(**in_batch()), rows)


def test_blocks_of_one_row_leave_the_uniform_negatives(world: World) -> None:
    """All items, each drawn for certain: the full softmax, without a correction that differs between columns."""
    rows = world.rows.take(np.arange(8))
    alone = world.objective(negatives=Negatives.SAMPLED, in_batch_negatives=0, uniform_negatives=24)
    assert world.loss(alone, rows) == pytest.approx(world.loss(world.objective(), rows), rel=1e-5)


def test_a_stream_that_has_seen_nothing_corrects_nothing(world: World) -> None:
    """It is asked before it sees the batch: all items look alike, and the softmax forgets a constant."""
    rows = world.rows.take(np.arange(16))
    streaming = world.objective(**in_batch(streaming_rate=0.01))
    plain = world.loss(world.objective(**in_batch(log_q_strength=0.0)), rows)
    assert world.loss(streaming, rows) == pytest.approx(plain, rel=1e-5)
    assert world.loss(streaming, rows) != pytest.approx(plain, rel=1e-3)


def test_a_stream_of_many_batches_corrects_as_counts_do(world: World) -> None:
    rows = world.rows.take(np.arange(16))
    p = draw_probabilities(world.spool.expected_draws)
    streaming, counted = world.objective(**in_batch(streaming_rate=0.0001)), world.objective(**in_batch())
    streaming.memory.observe(np.random.default_rng(3).choice(len(p), size=40_000, p=p))
    assert world.loss(streaming, rows) == pytest.approx(world.loss(counted, rows), abs=0.01)


def test_the_gramian_presses_down_the_columns_that_were_asked_for(world: World) -> None:
    rows = world.rows.take(np.arange(10))
    options = {"negatives": Negatives.GRAMIAN, "gramian_weight": 3.0}
    uniform = world.objective(in_batch_negatives=0, uniform_negatives=24, **options)
    query, items = world.vectors(uniform, rows)
    own = items[torch.from_numpy(rows.item_idx).long()]
    assert world.loss(uniform, rows) == pytest.approx(gramian_loss(query, own, items, penalty=3.0).item(), rel=1e-5)
    first = world.objective(in_batch_negatives=4, uniform_negatives=0, **options)
    assert world.loss(first, rows) == pytest.approx(gramian_loss(query, own, own[:4], penalty=3.0).item(), rel=1e-5)


def test_averaged_gramians_begin_as_the_first_batch_and_then_remember(world: World) -> None:
    rows, others = world.rows.take(np.arange(10)), world.rows.take(np.arange(10, 20))
    options = {"negatives": Negatives.GRAMIAN, "uniform_negatives": 0}
    averaged, plain = world.objective(gramian_rate=0.5, **options), world.objective(**options)
    assert world.loss(averaged, rows) == pytest.approx(world.loss(plain, rows), rel=1e-5)
    assert averaged.memory.gramians().steps == 1
    assert world.loss(averaged, others) != pytest.approx(world.loss(plain, others), rel=1e-4)


# --- what it remembers


BOTH = TrainingConfig(streaming_rate=0.01, gramian_rate=0.1)


def memory(config: TrainingConfig = BOTH) -> ObjectiveMemory:
    return ObjectiveMemory(config, 6, 2, CPU)


def filled() -> ObjectiveMemory:
    kept = memory()
    kept.observe(np.array([3, 3, 1]))
    kept.observe(np.array([3, 5]))
    kept.keep(Gramians(torch.eye(2), 2 * torch.eye(2), steps=7))
    return kept


def test_it_remembers_what_the_estimator_would() -> None:
    estimator = StreamingFrequency.empty(np.random.default_rng(0), log2_buckets=8, rate=0.01)
    estimator.observe(np.array([3, 3, 1, 3, 5]))
    items = np.arange(6)
    assert filled().streaming().probability(items) == pytest.approx(estimator.probability(items))


def test_state_comes_back_as_it_was() -> None:
    kept, again = filled(), memory()
    again.load_state_dict(kept.state_dict())
    assert np.array_equal(again.streaming().probability(np.arange(6)), kept.streaming().probability(np.arange(6)))
    assert again.streaming().examples == 5
    assert again.gramians().steps == 7
    assert torch.equal(again.gramians().other, 2 * torch.eye(2))
    again.observe(np.array([1]))
    kept.observe(np.array([1]))
    assert np.array_equal(again.streaming().probability(np.arange(6)), kept.streaming().probability(np.arange(6)))


def test_a_loss_without_memory_adds_nothing_to_a_checkpoint() -> None:
    assert not memory(TrainingConfig()).state_dict()


def test_a_stream_that_is_not_estimated_cannot_be_asked() -> None:
    with pytest.raises(ValueError, match="streaming_rate"):
        memory(TrainingConfig()).streaming()
