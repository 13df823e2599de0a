"""Scores are written down as a table: with one-hot queries, a candidate's vector is its column of that table."""

import functools
import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from retrieval.log_q import log_q_of_mixture, log_q_of_positive
from retrieval.losses import (
    Gramians,
    HardNegatives,
    averaged_gramian_loss,
    full_softmax_loss,
    gramian_loss,
    pairwise_loss,
    sampled_softmax_loss,
    with_term,
)


def towers(exponentials: list[list[float]], temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """Query and candidate vectors whose scores / temperature are the logarithms of a table (batch, columns)."""
    scores = torch.tensor(exponentials, dtype=torch.float64).log() * temperature
    return torch.eye(len(scores), dtype=torch.float64), scores.T


def nats(*shares: float) -> float:
    """The mean loss of rows whose own items get these shares of the softmax."""
    return float(-np.log(shares).mean())


def uncorrected(columns: int) -> Tensor:
    return torch.zeros(columns, dtype=torch.float64)


# --- sampled softmax, by hand


def test_in_batch_softmax_worked_by_hand() -> None:
    query, candidate = towers([[3, 1], [2, 6]])
    loss = sampled_softmax_loss(query, candidate, torch.tensor([7, 8]), uncorrected(2), temperature=1.0)
    assert loss.item() == pytest.approx(nats(3 / 4, 6 / 8))


def test_temperature_divides() -> None:
    query, candidate = towers([[3, 1], [2, 6]], temperature=0.05)
    loss = sampled_softmax_loss(query, candidate, torch.tensor([7, 8]), uncorrected(2), temperature=0.05)
    assert loss.item() == pytest.approx(nats(3 / 4, 6 / 8))


def test_log_q_lowers_its_column_in_every_row() -> None:
    query, candidate = towers([[3, 1], [2, 6]])
    log_q = torch.tensor([0.5, 2.0], dtype=torch.float64).log()
    loss = sampled_softmax_loss(query, candidate, torch.tensor([7, 8]), log_q, temperature=1.0)
    assert loss.item() == pytest.approx(nats(6 / (6 + 0.5), 3 / (4 + 3)))


def test_correction_of_the_positive_can_be_left_out_or_replaced() -> None:
    query, candidate = towers([[3, 1], [2, 6]])
    log_q = torch.tensor([0.5, 2.0], dtype=torch.float64).log()
    options = {"temperature": 1.0, "item_idx": torch.tensor([7, 8]), "log_q": log_q}
    left_out = sampled_softmax_loss(query, candidate, positive_log_q=uncorrected(2), **options)
    assert left_out.item() == pytest.approx(nats(3 / (3 + 0.5), 6 / (4 + 6)))
    replaced = sampled_softmax_loss(query, candidate, positive_log_q=log_q - np.log(2), **options)
    assert replaced.item() == pytest.approx(nats(12 / (12 + 0.5), 6 / (4 + 6)))


def test_uniform_columns_follow_those_of_the_batch() -> None:
    query, candidate = towers([[3, 1, 5, 1], [2, 6, 1, 4]])
    log_q = torch.tensor([1.0, 1.0, 2.0, 0.5], dtype=torch.float64).log()
    loss = sampled_softmax_loss(query, candidate, torch.tensor([7, 8, 1, 2]), log_q, temperature=1.0)
    assert loss.item() == pytest.approx(nats(3 / (3 + 1 + 2.5 + 2), 6 / (2 + 6 + 0.5 + 8)))


def test_repeated_item_is_not_its_own_negative() -> None:
    # rows 0 and 2 chose item 7, and a uniform column holds it too
    query, candidate = towers([[3, 1, 3, 3], [2, 6, 2, 2], [5, 1, 5, 5]])
    loss = sampled_softmax_loss(query, candidate, torch.tensor([7, 8, 7, 7]), uncorrected(4), temperature=1.0)
    assert loss.item() == pytest.approx(nats(3 / 4, 6 / 12, 5 / 6))


def test_rows_of_another_block_are_no_negatives() -> None:
    # rows 0 and 1 are one block, row 2 another; the uniform column is there for all
    query, candidate = towers([[3, 1, 9, 1], [2, 6, 9, 2], [9, 9, 5, 5]])
    options = {"temperature": 1.0, "item_idx": torch.tensor([7, 8, 9, 1]), "log_q": uncorrected(4)}
    loss = sampled_softmax_loss(query, candidate, blocks=torch.tensor([0, 0, 1]), **options)
    assert loss.item() == pytest.approx(nats(3 / 5, 6 / 10, 5 / 10))


def test_one_block_is_the_whole_batch() -> None:
    query, candidate = towers([[3, 1, 4], [2, 6, 1]])
    options = {"temperature": 1.0, "item_idx": torch.tensor([7, 8, 9]), "log_q": uncorrected(3)}
    loss = sampled_softmax_loss(query, candidate, blocks=torch.zeros(2, dtype=torch.int64), **options)
    assert torch.equal(loss, sampled_softmax_loss(query, candidate, **options))


def test_other_known_positives_are_masked() -> None:
    query, candidate = towers([[3, 1, 4], [2, 6, 1]])
    known = torch.tensor([[0, 2], [1, 0]])
    loss = sampled_softmax_loss(query, candidate, torch.tensor([7, 8, 9]), uncorrected(3), temperature=1.0, known=known)
    assert loss.item() == pytest.approx(nats(3 / 4, 6 / 7))


def test_diagonal_is_never_masked() -> None:
    query, candidate = towers([[3, 1], [2, 6]])
    everything = torch.tensor([[0, 0], [1, 1], [1, 0]])
    options = {"item_idx": torch.tensor([7, 8]), "log_q": uncorrected(2), "temperature": 1.0}
    loss = sampled_softmax_loss(query, candidate, known=everything, **options)
    assert loss.item() == pytest.approx(nats(3 / 4, 1))


def test_row_with_every_negative_masked_teaches_nothing() -> None:
    query, candidate = towers([[3, 3], [6, 6]])
    candidate.requires_grad_()
    loss = sampled_softmax_loss(query, candidate, torch.tensor([7, 7]), uncorrected(2), temperature=1.0)
    loss.backward()
    assert loss.item() == 0
    assert not candidate.grad.any()


def test_rows_count_by_their_weights() -> None:
    query, candidate = towers([[3, 1], [2, 6]])
    weights = torch.tensor([1.0, 3.0])
    loss = sampled_softmax_loss(
        query, candidate, torch.tensor([7, 8]), uncorrected(2), temperature=1.0, weights=weights
    )
    assert loss.item() == pytest.approx((nats(3 / 4) + 3 * nats(6 / 8)) / 4)


def test_popular_negative_costs_less() -> None:
    query, candidate = towers([[3, 1], [2, 6]])
    losses = [
        sampled_softmax_loss(query[:1], candidate, torch.tensor([7, 8]), torch.tensor([0.0, popular]), temperature=1.0)
        for popular in (-2.0, 0.0, 2.0)
    ]
    assert losses[0] > losses[1] > losses[2]


def test_popular_negative_is_pushed_away_less() -> None:
    query, candidate = towers([[3, 1, 1]])
    candidate.requires_grad_()
    log_q = torch.tensor([0.0, -1.0, 1.0])
    sampled_softmax_loss(query, candidate, torch.tensor([7, 8, 9]), log_q, temperature=1.0).backward()
    rare, popular = candidate.grad[1:, 0].tolist()
    assert rare > popular > 0


def test_autocast_does_not_round_scores() -> None:
    generator = torch.Generator().manual_seed(0)
    query, candidate = torch.randn(8, 16, generator=generator), torch.randn(8, 16, generator=generator)
    options = {"item_idx": torch.arange(8), "log_q": torch.zeros(8), "temperature": 0.05}
    plain = sampled_softmax_loss(query, candidate, **options)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(sampled_softmax_loss(query, candidate, **options), plain)


@pytest.mark.parametrize("columns", [1, 3])
def test_columns_that_do_not_fit_are_refused(columns: int) -> None:
    with pytest.raises(ValueError, match="column"):
        sampled_softmax_loss(
            torch.ones(2, 4), torch.ones(columns, 4), torch.zeros(2, dtype=int), torch.zeros(2), temperature=1.0
        )


@pytest.mark.parametrize("temperature", [0.0, -0.1])
def test_temperature_that_divides_by_nothing_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature"):
        full_softmax_loss(torch.ones(1, 2), torch.ones(3, 2), torch.tensor([0]), temperature=temperature)


# --- hard negatives


def hard(exponentials: list[list[float]], item_idx: list[list[int]], log_q: list[float]) -> HardNegatives:
    """Of two rows: their hard columns' scores, through the same one-hot queries; item -1 is padding."""
    scores = torch.tensor(exponentials, dtype=torch.float64).log()
    vectors = scores[:, :, None] * torch.eye(len(scores), dtype=torch.float64)[:, None, :]  # (batch, m, batch)
    items = torch.tensor(item_idx)
    return HardNegatives(vectors, items, items >= 0, torch.tensor(log_q, dtype=torch.float64))


def hard_loss(mined: HardNegatives) -> float:
    query, candidate = towers([[3, 1], [2, 6]])
    log_q = torch.tensor([1.0, 0.5], dtype=torch.float64).log()
    return sampled_softmax_loss(query, candidate, torch.tensor([7, 8]), log_q, temperature=1.0, hard=mined).item()


def test_hard_negatives_are_columns_of_their_row_alone() -> None:
    found = hard_loss(hard([[4, 5], [1, 2]], [[20, 21], [22, 23]], [0.0, np.log(0.5)]))
    assert found == pytest.approx(nats(3 / (3 + 2 + 4 + 5), 12 / (2 + 12 + 2 + 4)))


def test_padding_among_hard_negatives_counts_nothing() -> None:
    found = hard_loss(hard([[4, 5], [1, 2]], [[20, -1], [-1, -1]], [0.0, 0.0]))
    assert found == pytest.approx(nats(3 / (3 + 2 + 4), 12 / (2 + 12)))


def test_own_item_is_no_hard_negative() -> None:
    found = hard_loss(hard([[3, 5], [1, 2]], [[7, 21], [22, 23]], [0.0, 0.0]))
    assert found == pytest.approx(nats(3 / (3 + 2 + 5), 12 / (2 + 12 + 1 + 2)))


def test_hard_negative_that_is_also_a_column_counts_once() -> None:
    # item 8 is hard for row 0 and the positive of row 1: for row 0 its shared column gives way
    found = hard_loss(hard([[1, 5], [1, 2]], [[8, 21], [22, 23]], [0.0, 0.0]))
    assert found == pytest.approx(nats(3 / (3 + 1 + 5), 12 / (2 + 12 + 1 + 2)))


def test_no_hard_negatives_is_the_base_loss() -> None:
    nothing = hard([[4, 5], [1, 2]], [[-1, -1], [-1, -1]], [0.0, 0.0])
    assert hard_loss(nothing) == pytest.approx(nats(3 / (3 + 2), 12 / (2 + 12)))


# --- against the full softmax


def test_full_softmax_worked_by_hand() -> None:
    query, candidate = towers([[3, 1, 4], [2, 6, 1]], temperature=0.5)
    chosen = torch.tensor([2, 0])
    assert full_softmax_loss(query, candidate, chosen, temperature=0.5).item() == pytest.approx(nats(4 / 8, 2 / 9))
    known = torch.tensor([[0, 0], [0, 2], [1, 0]])  # what a row chose itself stays
    loss = full_softmax_loss(query, candidate, chosen, temperature=0.5, known=known, weights=torch.tensor([3.0, 1.0]))
    assert loss.item() == pytest.approx((3 * nats(4 / 5) + nats(2 / 9)) / 4)


def test_columns_that_hold_every_item_once_are_the_full_softmax() -> None:
    generator = torch.Generator().manual_seed(1)
    query, candidate = torch.randn(4, 5, generator=generator), torch.randn(9, 5, generator=generator)
    order = torch.tensor([3, 8, 1, 0, 2, 4, 5, 6, 7])
    sampled = sampled_softmax_loss(query, candidate[order], order, torch.zeros(9), temperature=0.3)
    assert sampled.item() == pytest.approx(full_softmax_loss(query, candidate, order[:4], temperature=0.3).item())


TASTES = np.array([[0.70, 0.20, 0.08, 0.02], [0.55, 0.05, 0.15, 0.25]])
"""P(item | reader) of two kinds of readers who come equally often. Item 0 is popular with both."""


def expected_gradient(log_q: Tensor) -> Tensor:
    """Of the loss of batches of two, over every batch that can be drawn, where the logits are the truth, ln P."""
    table = torch.tensor(np.log(TASTES)).T.requires_grad_()  # (items, kinds): a kind's query is one-hot
    rows = list(itertools.product(range(2), range(4)))
    expected = torch.zeros((), dtype=torch.float64)
    for (kind, item), (other_kind, other_item) in itertools.product(rows, rows):
        chance = TASTES[kind, item] / 2 * TASTES[other_kind, other_item] / 2
        query, items = torch.eye(2, dtype=torch.float64)[[kind, other_kind]], torch.tensor([item, other_item])
        expected = expected + chance * sampled_softmax_loss(query, table[items], items, log_q[items], temperature=1.0)
    expected.backward()
    return table.grad


def test_corrected_loss_rests_at_the_true_preferences() -> None:
    """With one negative a row, on average, and exactly: not merely in the limit of many negatives."""
    log_q = torch.tensor(log_q_of_mixture(TASTES.mean(axis=0), 2, 0, 4)).double()
    assert expected_gradient(log_q).abs().max() < 1e-7


def test_uncorrected_loss_unlearns_popularity() -> None:
    gradient = expected_gradient(uncorrected(4))
    assert (gradient[0] > 0.02).all()  # descent lowers the popular item's logit in both kinds


@functools.cache
def divergence(correction: str, num_uniform: int) -> float:
    """Fit logits of 3 kinds of readers x 60 items on sampled batches: nats between the true P(item | kind) and theirs.

    Popularity falls as 1/rank: the first item is expected about eight times in a batch of 32.
    """
    rng = np.random.default_rng(4)
    tastes = np.exp(rng.normal(size=(3, 60))) / np.arange(1, 61)
    tastes /= tastes.sum(axis=1, keepdims=True)
    counted = torch.tensor(log_q_of_mixture(tastes.mean(axis=0), 32, num_uniform, 60))
    log_q = counted if correction != "none" else torch.zeros(60)
    own_log_q = torch.tensor(log_q_of_positive(counted.numpy())) if correction == "own" else log_q
    table, mean, steps = torch.zeros(60, 3, requires_grad=True), torch.zeros(60, 3), 250
    squares = torch.full((60, 3), 1e-6)  # Adagrad by hand: torch.optim takes two seconds to import
    for step in range(steps):
        kinds = rng.integers(3, size=32)
        chosen = (tastes.cumsum(axis=1)[kinds] < rng.random(32)[:, None]).sum(axis=1).clip(max=59)
        items = torch.tensor(np.concatenate([chosen, rng.choice(60, num_uniform, replace=False)]))
        options = {"temperature": 1.0, "positive_log_q": own_log_q[items[:32]]}
        loss = sampled_softmax_loss(torch.eye(3)[kinds], table[items], items, log_q[items], **options)
        (gradient,) = torch.autograd.grad(loss, table)
        squares += gradient.square()
        table.data -= 0.5 * gradient / squares.sqrt()
        mean += table.detach() * (step >= steps / 2)
    fitted = (mean / (steps / 2)).T.log_softmax(dim=1).numpy()
    return float((tastes * (np.log(tastes) - fitted)).sum(axis=1).mean())


@pytest.mark.parametrize("num_uniform", [0, 16])
def test_logq_recovers_the_full_softmax_from_samples(num_uniform: int) -> None:
    corrected, plain = divergence("same", num_uniform), divergence("none", num_uniform)
    assert corrected < 0.06
    assert plain > 6 * corrected


def test_positive_that_stands_for_its_masked_copies_comes_closer_still() -> None:
    assert divergence("own", 0) < 0.02
    assert divergence("own", 0) < 0.5 * divergence("same", 0)


# --- pairwise term


def test_pairwise_loss_worked_by_hand() -> None:
    # row 0 scored its item e^..=3 against 1 and 9, row 1 6 against 2 (the rest is padding), row 2 saw nothing else
    query, candidate = towers([[3, 1, 1], [1, 6, 1], [1, 1, 4]], temperature=0.5)
    scores = torch.tensor([[1.0, 9.0], [2.0, 5.0], [5.0, 5.0]], dtype=torch.float64).log() * 0.5
    negative = scores[:, :, None] * torch.eye(3, dtype=torch.float64)[:, None, :]
    present = torch.tensor([[True, True], [True, False], [False, False]])
    by_hand = [(nats(3 / 4) + nats(3 / 12)) / 2, nats(6 / 8), 0]
    loss = pairwise_loss(query, candidate, negative, present, temperature=0.5)
    assert loss.item() == pytest.approx(np.mean(by_hand))
    weights = torch.tensor([1.0, 2.0, 3.0])
    weighted = pairwise_loss(query, candidate, negative, present, temperature=0.5, weights=weights)
    assert weighted.item() == pytest.approx(np.dot(by_hand, [1, 2, 3]) / 6)


def test_pairs_push_the_chosen_item_up_and_the_shown_one_down() -> None:
    query, candidate = torch.ones(1, 2), torch.ones(1, 2, requires_grad=True)
    negative = torch.ones(1, 2, 2, requires_grad=True)
    pairwise_loss(query, candidate, negative, torch.tensor([[True, False]]), temperature=1.0).backward()
    assert (candidate.grad < 0).all()
    assert (negative.grad[0, 0] > 0).all()
    assert not negative.grad[0, 1].any()


def test_without_impressions_the_term_is_nothing() -> None:
    query, candidate = torch.ones(2, 3, requires_grad=True), torch.ones(2, 3)
    for width in (0, 4):
        none = torch.zeros(2, width, dtype=torch.bool)
        loss = pairwise_loss(query, candidate, torch.ones(2, width, 3), none, temperature=1.0)
        assert loss.item() == 0
        assert not torch.autograd.grad(loss, query)[0].any()


def trained(weight: float | None) -> list[Tensor]:
    """Losses, gradients and parameters of three steps; a tower with dropout also embeds the term's negatives."""
    torch.manual_seed(0)
    tower = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 4))
    shown, present = torch.linspace(-1, 1, 5 * 2 * 6).reshape(5, 2, 6), torch.ones(5, 2, dtype=torch.bool)

    def term(query: Tensor, candidate: Tensor) -> Tensor:
        return pairwise_loss(query, candidate, tower(shown), present, temperature=0.1)

    kept = []
    for _ in range(3):
        query, candidate = tower(torch.randn(5, 6)), tower(torch.randn(5, 6))
        loss = sampled_softmax_loss(query, candidate, torch.arange(5), torch.zeros(5), temperature=0.1)
        if weight is not None:
            loss = with_term(loss, weight, functools.partial(term, query, candidate))
        gradients = torch.autograd.grad(loss, list(tower.parameters()))
        kept += [loss.detach(), *gradients]
        for parameter, gradient in zip(tower.parameters(), gradients, strict=True):
            parameter.data -= 0.1 * gradient
    return kept + [parameter.detach() for parameter in tower.parameters()]


def test_weight_zero_is_the_base_loss_bit_for_bit() -> None:
    assert all(torch.equal(left, right) for left, right in zip(trained(None), trained(0.0), strict=True))
    assert not all(torch.equal(left, right) for left, right in zip(trained(None), trained(0.5), strict=True))


def test_weight_multiplies_the_term() -> None:
    assert with_term(torch.tensor(2.0), 0.5, lambda: torch.tensor(3.0)).item() == 3.5


def test_negative_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="reward"):
        with_term(torch.tensor(2.0), -0.5, lambda: torch.tensor(3.0))


# --- Gramian


def test_gramian_loss_is_the_mean_over_all_pairs() -> None:
    query = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    candidate = torch.tensor([[0.5, 1.0], [1.0, 1.0]])
    other = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    # own scores 0.5 and 1; all pairs: (1, 0, 1) and (0.5, 1, 1)
    loss = gramian_loss(query, candidate, other, penalty=3.0)
    assert loss.item() == pytest.approx(0.25 / 2 + 3 * (1 + 0 + 1 + 0.25 + 1 + 1) / 6)
    weighted = gramian_loss(query, candidate, other, penalty=0.0, weights=torch.tensor([3.0, 1.0]))
    assert weighted.item() == pytest.approx(0.25 * 3 / 4)


def gramian_towers() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    return tuple(torch.randn(n, 4, generator=generator, requires_grad=True) for n in (6, 6, 9))


def test_gramian_gradient_is_that_of_all_pairs() -> None:
    query, candidate, other = gramian_towers()
    pairs = ((query * candidate).sum(1) - 1).square().mean() + 0.7 * (query @ other.T).square().mean()
    found = torch.autograd.grad(gramian_loss(query, candidate, other, penalty=0.7), (query, candidate, other))
    for one, wanted in zip(found, torch.autograd.grad(pairs, (query, candidate, other)), strict=True):
        assert torch.allclose(one, wanted, atol=1e-6)


def test_averaging_only_the_newest_batch_is_the_plain_loss() -> None:
    query, candidate, other = gramian_towers()
    past = Gramians(torch.ones(4, 4), torch.ones(4, 4), steps=5)
    averaged, _ = averaged_gramian_loss(query, candidate, other, past, penalty=0.7, rate=1.0)
    plain = gramian_loss(query, candidate, other, penalty=0.7)
    assert averaged.item() == pytest.approx(plain.item(), rel=1e-5)
    gradients = [torch.autograd.grad(loss, (query, candidate, other)) for loss in (averaged, plain)]
    assert all(torch.allclose(one, wanted, atol=1e-5) for one, wanted in zip(*gradients, strict=True))


def test_gramians_are_a_mean_at_first_and_fade_later() -> None:
    state = Gramians.empty(1)
    seen = []
    for value in (2.0, 4.0, 6.0):
        vectors = torch.full((3, 1), value**0.5)
        _, state = averaged_gramian_loss(vectors, vectors, vectors, state, penalty=1.0, rate=0.4)
        seen.append(state.query.item())
    assert seen == pytest.approx([2.0, 3.0, 0.6 * 3 + 0.4 * 6])
    assert state.steps == 3
    assert not state.query.requires_grad


def test_averaged_gramian_has_the_gradient_of_all_pairs_of_the_past() -> None:
    """Each side is pressed against the average of the other, as if that were a constant."""
    query, candidate, other = gramian_towers()
    state = Gramians(torch.diag(torch.arange(1.0, 5.0)), torch.diag(torch.arange(4.0, 0.0, -1.0)), steps=1000)
    loss, after = averaged_gramian_loss(query, candidate, other, state, penalty=1.0, rate=0.01)
    found = torch.autograd.grad(loss, (query, candidate, other))
    fit = torch.autograd.grad(((query * candidate).sum(1) - 1).square().mean(), (query, candidate))
    assert torch.allclose(found[0] - fit[0], 2 * query @ after.other / 6, atol=1e-5)
    assert torch.allclose(found[1], fit[1], atol=1e-6)
    assert torch.allclose(found[2], 2 * other @ after.query / 9, atol=1e-5)


def test_impossible_gramian_options_are_refused() -> None:
    vectors = torch.ones(2, 3)
    with pytest.raises(ValueError, match="penalty"):
        gramian_loss(vectors, vectors, vectors, penalty=-1.0)
    for rate in (0.0, 1.1):
        with pytest.raises(ValueError, match="rate"):
            averaged_gramian_loss(vectors, vectors, vectors, Gramians.empty(3), penalty=1.0, rate=rate)
