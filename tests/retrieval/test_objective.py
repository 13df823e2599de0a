from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from retrieval.config import Negatives, TrainingConfig
from retrieval.content import FIRST_ITEM, NEW_ITEM, ItemContent
from retrieval.ids import UNKNOWN
from retrieval.log_q import StreamingFrequency
from retrieval.losses import Gramians, gramian_loss
from retrieval.objective import Objective, ObjectiveMemory
from retrieval.snapshots import Snapshots
from retrieval.spool import IntervalDraws, Piece, Spool, fill_spool
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
    interval = world.spool.draws[rows.interval]
    draws = interval.of(np.arange(24))
    p = (draws + 1) / (draws + 1).sum()
    streaming, counted = world.objective(**in_batch(streaming_rate=0.0001)), world.objective(**in_batch())
    streaming.memory.observe(np.random.default_rng(3).choice(len(p), size=40_000, p=p))
    assert world.loss(streaming, rows) == pytest.approx(world.loss(counted, rows), abs=0.02)


def test_the_correction_is_of_the_interval_that_a_batch_comes_from(world: World) -> None:
    rows = world.rows.take(np.arange(16))
    found = world.loss(world.objective(**in_batch()), rows)
    elsewhere = {interval: draws for interval, draws in world.spool.draws.items() if interval == rows.interval}
    world.spool = replace(world.spool, draws=elsewhere)
    assert world.loss(world.objective(**in_batch()), rows) == found
    alike = IntervalDraws(np.arange(24), np.ones(24))
    world.spool = replace(world.spool, draws={rows.interval: alike})
    assert world.loss(world.objective(**in_batch()), rows) != pytest.approx(found, rel=1e-3)


def test_the_full_softmax_knows_of_no_draws(world: World) -> None:
    found = world.loss(world.objective(), world.rows)
    world.spool = replace(world.spool, draws={})
    assert world.loss(world.objective(), world.rows) == found


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


# --- what is no negative


def published(world: World, item_idx: int, at_s: float) -> None:
    dates = world.content.published_s.copy()
    dates[item_idx] = at_s
    world.content = replace(world.content, published_s=dates)


def rewritten(world: World, item_idx: int) -> None:
    """Another text for an item: whoever was held against it has another loss now."""
    words = world.content.words.copy()
    words[item_idx] = 1 + np.arange(words.shape[1]) % 60
    world.content = replace(world.content, words=words)


ALL_KINDS = [
    {},
    {"negatives": Negatives.SAMPLED, "uniform_negatives": 24},
    {"negatives": Negatives.GRAMIAN, "uniform_negatives": 24, "in_batch_negatives": 0},
]


@pytest.mark.parametrize("options", ALL_KINDS, ids=["all", "sampled", "gramian"])
@pytest.mark.parametrize("is_out", [True, False])
def test_what_comes_out_after_the_interval_is_no_negative_in_it(
    world: World, options: dict[str, object], is_out: bool
) -> None:
    rows = world.rows.take(np.flatnonzero(world.rows.item_idx != 5)[:12])
    end_s = world.spool.end_s(rows.interval)
    published(world, 5, end_s - 864_000 if is_out else end_s + 1)
    before = world.loss(world.objective(**options), rows)
    rewritten(world, 5)
    assert (world.loss(world.objective(**options), rows) != before) == is_out


@pytest.mark.parametrize("options", ALL_KINDS, ids=["all", "sampled", "gramian"])
def test_a_model_that_will_rank_the_whole_catalogue_at_any_time_may_learn_from_what_was_not_out(
    world: World, options: dict[str, object]
) -> None:
    rows = world.rows.take(np.flatnonzero(world.rows.item_idx != 5)[:12])
    published(world, 5, world.spool.end_s(rows.interval) + 1)
    before = world.loss(world.objective(out_only=False, **options), rows)
    rewritten(world, 5)
    assert world.loss(world.objective(out_only=False, **options), rows) != before


@pytest.mark.parametrize("options", ALL_KINDS[:2], ids=["all", "sampled"])
def test_what_came_out_after_a_row_is_a_negative_of_later_rows_alone(world: World, options: dict[str, object]) -> None:
    others = world.rows.take(np.flatnonzero((world.rows.item_idx != 5) & ~knows(world, 5)))
    early, late = others.take(np.argsort(others.at_s)[:3]), others.take(np.argsort(others.at_s)[-3:])
    published(world, 5, (early.at_s.max() + late.at_s.min()) / 2)
    before = [world.loss(world.objective(**options), rows) for rows in (early, late)]
    rewritten(world, 5)
    after = [world.loss(world.objective(**options), rows) for rows in (early, late)]
    assert after[0] == before[0]
    assert after[1] != before[1]


def knows(world: World, item_idx: int) -> np.ndarray:
    readers = world.rows.readers.astype(np.int64)
    return world.spool.known.contains(readers, np.full((len(readers), 1), item_idx))[:, 0]


@pytest.mark.parametrize("is_out", [True, False])
def test_what_is_not_out_yet_is_no_hard_negative(world: World, is_out: bool) -> None:
    rows = world.rows.take(np.flatnonzero(~knows(world, 5))[:12])
    published(world, 5, world.spool.end_s(rows.interval) + (-864_000 if is_out else 1))
    options = {"uniform_negatives": 0, "hard_negatives": 24, "hard_skip": 0, "hard_window": 24}
    objective = world.objective(negatives=Negatives.SAMPLED, **options)
    with torch.no_grad():
        query, items = world.vectors(objective, rows)
        mined = objective._hard(world.candidate, query, rows, np.random.default_rng(0), items)
    assert (5 in mined.item_idx) == is_out


def test_an_item_that_came_out_within_an_interval_has_the_age_of_its_end(world: World) -> None:
    interval = world.spool.intervals[-1]
    published(world, 5, world.spool.end_s(interval) - 3 * 3600)
    assert world.objective().features(interval, np.array([5])).ages.tolist() == [3]  # 1 + log2(1 + 3 h)
    world.spool = replace(world.spool, until_s=world.spool.end_s(interval) - 2 * 3600)
    assert world.objective().features(interval, np.array([5])).ages.tolist() == [2]  # an hour before the window's end


def test_an_item_that_nobody_chose_has_the_row_of_the_unknown(world: World) -> None:
    draws = world.spool.expected_draws.copy()
    draws[7] = 0
    world.spool = replace(world.spool, expected_draws=draws)
    objective = world.objective()
    assert objective.features(world.rows.interval, np.array([6, 7])).rows.tolist() == [FIRST_ITEM + 6, NEW_ITEM]
    assert objective.latest_features().rows[[6, 7]].tolist() == [FIRST_ITEM + 6, NEW_ITEM]
    objective.give_new_rows(world.candidate)
    table = world.candidate.items.weight
    assert torch.equal(table[FIRST_ITEM + 7], table[NEW_ITEM])
    assert not torch.equal(table[FIRST_ITEM + 6], table[NEW_ITEM])


@pytest.mark.parametrize(("share", "serves"), [(0.0, False), (0.99, True)])
@pytest.mark.parametrize("options", ALL_KINDS, ids=["all", "sampled", "gramian"])
def test_an_item_that_nobody_chose_is_a_negative_as_often_as_ids_are_hidden(
    world: World, options: dict[str, object], share: float, serves: bool
) -> None:
    draws = world.spool.expected_draws.copy()
    draws[7] = 0
    world.spool = replace(world.spool, expected_draws=draws)
    world.candidate.config = replace(world.candidate.config, id_dropout=share)
    rows = world.rows.take(np.flatnonzero((world.rows.item_idx != 7) & ~knows(world, 7))[:12])
    before = world.loss(world.objective(**options), rows)
    rewritten(world, 7)
    assert (world.loss(world.objective(**options), rows) != before) == serves


def test_what_a_reader_chose_another_time_is_not_pressed_below_what_she_chose_now(world: World) -> None:
    objective = world.objective(impression_weight=1.0)
    plain = world.loss(world.objective(), world.rows)
    not_chosen = np.full_like(world.rows.not_chosen, UNKNOWN)
    for row, reader in enumerate(world.rows.readers.tolist()):
        hers = world.spool.known.item_idx[world.spool.known.offsets[reader] :][:3]
        not_chosen[row, :3] = hers
    not_chosen[:, 3] = world.rows.item_idx
    assert world.loss(objective, replace(world.rows, not_chosen=not_chosen)) == pytest.approx(plain)
    not_chosen[:, 4] = np.where(world.rows.item_idx % 2 == 0, 1, 2)  # of the other kind: never hers
    assert world.loss(objective, replace(world.rows, not_chosen=not_chosen)) > plain + 0.1


def test_a_batch_that_saw_nothing_moves_towers_nowhere_that_learn_from_what_was_seen_alone(world: World) -> None:
    rows = replace(world.rows, not_chosen=np.full_like(world.rows.not_chosen, UNKNOWN))
    assert world.loss(world.objective(negatives=Negatives.SEEN, impression_weight=1.0), rows) == 0


def test_a_row_alone_finds_negatives_where_there_are_others_than_those_of_the_batch(world: World) -> None:
    assert world.objective().fewest_rows == 1
    assert world.objective(negatives=Negatives.SAMPLED, uniform_negatives=8).fewest_rows == 1
    assert world.objective(**in_batch()).fewest_rows == 2
    assert world.loss(world.objective(negatives=Negatives.SAMPLED, uniform_negatives=8), world.rows.take([0])) > 0


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
