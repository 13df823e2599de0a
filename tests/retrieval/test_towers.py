from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import nn

from retrieval.artefact import ITEM_TABLE
from retrieval.candidate_features import COUNTS, candidate_features
from retrieval.config import ConfigError, Encoder, TowerConfig, TrainingConfig
from retrieval.content import ItemContent
from retrieval.export import exported, exported_query
from retrieval.features import QueryFeatures, encode_table
from retrieval.towers import CandidateTower, QueryTower
from tests.retrieval.worlds import UNTIL, catalogue, positives

WORLD = positives(num_readers=6)
EACH = {
    "means": TowerConfig(dim=16, hidden=64, history_length=8, attention_length=6, word_buckets=64, author_buckets=64),
    "attention": TowerConfig(
        dim=16, hidden=64, encoder=Encoder.ATTENTION, history_length=8, attention_length=6, attention_layers=2,
        word_buckets=64, author_buckets=64,
    ),
    "free norms": TowerConfig(
        dim=16, hidden=64, unit_norm=False, history_length=8, attention_length=6, word_buckets=64, author_buckets=64
    ),
    "no counts": TowerConfig(
        dim=16, hidden=64, uses_counts=False, history_length=8, attention_length=6, word_buckets=64, author_buckets=64
    ),
}  # fmt: skip


def tensors(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def towers(config: TowerConfig, num_items: int = 24) -> tuple[QueryTower, CandidateTower, ItemContent, QueryFeatures]:
    torch.manual_seed(1)
    content = ItemContent.from_table(catalogue(num_items), config)
    query, candidate = QueryTower(len(content), config).eval(), CandidateTower(len(content), config).eval()
    return query, candidate, content, encode_table(WORLD, content, config)


def scale_at_random(tower: nn.Module) -> None:
    """As far from the beginning as a training would go, and further: untrained weights are small and alike."""
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weights in tower.parameters():
            weights.add_(torch.randn(weights.shape, generator=rng) * 0.3).mul_(1 + torch.rand((), generator=rng))
        for table in tower.modules():
            if isinstance(table, nn.Embedding) and table.padding_idx is not None:
                table.weight[table.padding_idx].zero_()


def items_at(content: ItemContent) -> dict[str, np.ndarray]:
    counts = np.linspace(-1, 1, len(content) * COUNTS, dtype=np.float32).reshape(-1, COUNTS)
    return candidate_features(content, counts, UNTIL.timestamp()).arrays()


@pytest.mark.parametrize("config", EACH.values(), ids=EACH)
def test_both_sides_meet_in_one_width_and_with_unit_norm_if_asked(config: TowerConfig) -> None:
    query, candidate, content, features = towers(config)
    with torch.no_grad():
        queries, items = query(**tensors(features.arrays())), candidate(**tensors(items_at(content)))
    assert queries.shape == (len(WORLD), config.dim + (not config.unit_norm))
    assert items.shape == (len(content), queries.shape[1])
    if config.unit_norm:
        assert torch.allclose(queries.norm(dim=1), torch.ones(len(queries)))
        assert torch.allclose(items.norm(dim=1), torch.ones(len(items)))
    else:
        assert (queries[:, -1] == 1).all()


@pytest.mark.parametrize("config", EACH.values(), ids=EACH)
def test_onnx_and_torch_give_the_same_best_hundred_up_to_ties(config: TowerConfig) -> None:
    query, candidate, content, features = towers(config, num_items=300)
    for tower in (query, candidate):
        scale_at_random(tower)
    with torch.no_grad():
        queries = query(**tensors(features.arrays())).numpy()
        items = candidate(**tensors(items_at(content))).numpy()
    told = features.arrays() | {ITEM_TABLE: query.items.weight.detach().numpy()}
    two_items = {name: array[:2] for name, array in items_at(content).items()}
    in_onnx = [
        ort.InferenceSession(exported_query(query, query.items.weight.detach().numpy(), features)).run(None, told)[0],
        ort.InferenceSession(exported(candidate, two_items)).run(None, items_at(content))[0],
    ]
    np.testing.assert_allclose(in_onnx[0], queries, atol=1e-5 * np.abs(queries).max())
    np.testing.assert_allclose(in_onnx[1], items, atol=1e-5 * np.abs(items).max())
    scores, served = queries @ items.T, in_onnx[0] @ in_onnx[1].T  # each (n, 300)
    best = np.argsort(-served, axis=1)[:, :100]
    ordered = np.take_along_axis(scores, best, axis=1)
    tie = 1e-5 * np.abs(scores).max()
    assert (np.diff(ordered, axis=1) <= tie).all()
    np.testing.assert_allclose(ordered, -np.sort(-scores, axis=1)[:, :100], atol=tie)
    assert scores.std(axis=1).min() > 1_000 * tie  # the items do differ


@pytest.mark.parametrize("reads", [True, False])
def test_an_item_is_the_same_however_often_it_was_chosen_only_where_counts_are_not_read(reads: bool) -> None:
    _, candidate, content, _ = towers(TowerConfig(dim=8, hidden=8, uses_counts=reads))
    arrays = items_at(content)
    with torch.no_grad():
        now = candidate(**tensors(arrays))
        later = candidate(**tensors(arrays | {"counts": arrays["counts"] + 1}))
    assert torch.equal(now, later) != reads


def test_a_history_begins_as_a_plain_mean_where_no_place_is_forgotten() -> None:
    history = np.random.default_rng(0).permutation(8)
    for decay, is_plain in ((0.0, True), (0.5, False)):
        query, _, _, features = towers(TowerConfig(dim=8, hidden=8, history_length=8, place_decay=decay))
        arrays = features.arrays() | {"history_ages": np.ones_like(features.history_ages)}
        rows = {"history", "history_kinds"}
        other = {name: array[:, history] if name in rows else array for name, array in arrays.items()}
        with torch.no_grad():
            same = torch.allclose(query(**tensors(arrays)), query(**tensors(other)), atol=1e-6)
        assert same == is_plain


@pytest.mark.parametrize("config", EACH.values(), ids=EACH)
def test_the_vector_of_a_query_does_not_depend_on_its_neighbours(config: TowerConfig) -> None:
    query, _, _, features = towers(config)
    with torch.no_grad():
        together = query(**tensors(features.arrays()))[3:4]
        alone = query(**tensors({name: array[3:4] for name, array in features.arrays().items()}))
    assert torch.allclose(together, alone, atol=1e-6)


def test_padding_of_a_history_changes_nothing() -> None:
    query, _, _, features = towers(EACH["attention"])
    row = {name: array[2:3].copy() for name, array in features.arrays().items()}  # two events, six places of padding
    noisy = {name: array.copy() for name, array in row.items()}
    noisy["history_kinds"][0, 2:] = 5
    noisy["history_ages"][0, 2:] = 9
    with torch.no_grad():
        assert torch.allclose(query(**tensors(row)), query(**tensors(noisy)), atol=1e-6)


@pytest.mark.parametrize("config", EACH.values(), ids=EACH)
def test_a_tower_says_the_same_of_trimmed_histories(config: TowerConfig) -> None:
    query, _, _, features = towers(config)
    short = QueryFeatures(**{name: array[:2] for name, array in features.arrays().items()})  # of one event at most
    trimmed = short.trimmed()
    assert trimmed.history.shape[1] < short.history.shape[1]
    with torch.no_grad():
        whole, cut = query(**tensors(short.arrays())), query(**tensors(trimmed.arrays()))
    assert torch.allclose(whole, cut, atol=1e-6)


@pytest.mark.parametrize("config", EACH.values(), ids=EACH)
def test_what_history_dropout_hides_does_not_reach_the_vector(config: TowerConfig) -> None:
    tower, _, content, features = towers(replace(config, history_dropout=0.9, dropout=0.0))
    arrays = features.arrays()
    other = {name: array.copy() for name, array in arrays.items()}
    chose = arrays["history"][:, 0] != 0
    other["history"][chose, 0] = 2 + (arrays["history"][chose, 0] + 5) % len(content)
    other["history_kinds"][chose, 0] += 1
    other["history_ages"][chose, 0] += 3
    tower.train()
    with torch.no_grad():
        torch.manual_seed(4)
        is_hidden = chose & (tower._kept(tensors(arrays)["history"])[:, 0] == 0).numpy()
        vectors = []
        for changed in (arrays, other):
            torch.manual_seed(4)
            vectors.append(tower(**tensors(changed)))
    same = (vectors[0] - vectors[1]).abs().amax(dim=1).numpy() < 1e-6
    assert 0 < is_hidden.sum() < chose.sum()
    assert same[is_hidden].all()
    assert not same[chose & ~is_hidden].any()


def test_attention_answers_from_the_newest_event_that_is_left() -> None:
    """As if the hidden ones had never happened."""
    tower, _, _, _ = towers(EACH["attention"])
    attention = tower.attention
    assert attention is not None
    events = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 4, 16)).astype(np.float32))
    ages = torch.tensor([[1, 2, 3, 4]])
    with torch.no_grad():
        without_newest = attention(events, ages, torch.tensor([[False, True, True, True]]))
        never_happened = attention(events[:, 1:], ages[:, 1:], torch.ones(1, 3, dtype=torch.bool))
        nothing_left = attention(events, ages, torch.zeros(1, 4, dtype=torch.bool))
    assert torch.allclose(without_newest, never_happened, atol=1e-6)
    assert not nothing_left.any()


def test_hidden_layers_halve_down_to_the_dim() -> None:
    config = TowerConfig(dim=16, hidden=64)
    widths = [layer.out_features for layer in CandidateTower(3, config).hidden if isinstance(layer, nn.Linear)]
    assert widths == [64, 32, 16]


@pytest.mark.parametrize("hidden", [8, 16])
def test_hidden_no_wider_than_the_dim_is_one_linear_layer_and_no_dropout(hidden: int) -> None:
    config = TowerConfig(dim=16, hidden=hidden)
    for tower in (QueryTower(3, config), CandidateTower(3, config)):
        (only,) = tower.hidden
        assert isinstance(only, nn.Linear)
        assert only.out_features == 16


def test_ids_are_hidden_in_training_only() -> None:
    config = TowerConfig(dim=16, hidden=16, id_dropout=0.99, dropout=0.0)
    torch.manual_seed(0)
    tower = CandidateTower(24, config)
    content = ItemContent.from_table(catalogue(), config)
    arrays = tensors(items_at(content))
    with torch.no_grad():
        tower.items.weight[2:] *= 100
        assert not torch.allclose(tower.train()(**arrays), tower.eval()(**arrays), atol=1e-3)
        assert torch.equal(tower.eval()(**arrays), tower.eval()(**arrays))


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (TowerConfig, {"dim": 0}),
        (TowerConfig, {"word_buckets": 1}),
        (TowerConfig, {"dropout": 1.0}),
        (TowerConfig, {"dim": 15}),
        (TowerConfig, {"place_decay": -0.1}),
        (TrainingConfig, {"batch_size": 0}),
        (TrainingConfig, {"temperature": 0.0}),
        (TrainingConfig, {"half_life_days": 0.0}),
        (TrainingConfig, {"uniform_negatives": -1}),
        (TrainingConfig, {"weight_averaging": 1.0}),
    ],
)
def test_sizes_that_no_training_could_use_are_refused(config: type, options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        config(**options)
