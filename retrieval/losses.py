"""What training makes smaller. Every loss is a plain function: query before candidate, scalars out.

Common to all: `query` is (batch, dim), `candidate` (columns, dim), and their inner product is the score, whatever their
norm (an item bias is one more dimension, with a constant in the query). `weights` is (batch,) float32, at least 0 with
a sum above 0: how much each row counts (kind x age); None is all alike; the loss is the weighted mean. Inputs must be
finite. That is not checked here, because asking the device costs a synchronisation on every step: a NaN comes out as a
NaN, and training watches for it. Under autocast too scores are computed in float32: a small temperature would blow up
what half precision rounds away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it
from torch import Tensor


@dataclass(frozen=True, eq=False)
class HardNegatives:
    """Columns of single rows, mined from a previous index (`retrieval.negatives.mine_hard_negatives`).

    candidate: (batch, m, dim) by the present tower, finite also where nothing is present.  item_idx: (batch, m) int64,
    different within a row.  present: (batch, m) bool, false for padding and for known positives of the row's reader.
    log_q: (batch,) float32, ln of the chance with which an item of the row's mining window was drawn; 0 where all were.
    """

    candidate: Tensor
    item_idx: Tensor
    present: Tensor
    log_q: Tensor


def sampled_softmax_loss(
    query: Tensor,
    candidate: Tensor,
    item_idx: Tensor,
    log_q: Tensor,
    *,
    temperature: float,
    known: Tensor | None = None,
    absent: Tensor | None = None,
    weights: Tensor | None = None,
    positive_log_q: Tensor | None = None,
    blocks: Tensor | None = None,
    hard: HardNegatives | None = None,
) -> Tensor:
    """Softmax loss in which every other positive of the batch serves as a negative, and any further column too.

    query: (batch, dim).  candidate: (columns, dim), columns >= batch: column i < batch is the item that query i chose,
    the others are drawn uniformly from the catalogue (Yang et al., WWW 2020, "Mixed Negative Sampling"); none of them
    is plain in-batch softmax.  item_idx: (columns,) int64.
    log_q: (columns,) float32, ln of how often the item is expected among a row's negatives (`log_q_of_mixture`); zeros
    correct nothing, and a factor before it tunes the strength.
    known: (n, 2) int64, row and column of any known positive of a row's reader (`KnownPositives.pairs`).
    absent: (batch, columns) bool, items that a row could not have chosen, as they were not out yet.
    blocks: (batch,) int64, the block of each row: only rows of one block lend each other negatives. None: one block.
    Masked are all these, and other columns with the row's own item; never the diagonal, whatever `known` says.

    logQ correction after Yi et al., RecSys 2019, "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
    Recommendations": by default the same formula in every column, for which the best logits are ln P(item | query) up
    to a constant of the row, also with few negatives. `positive_log_q`, (batch,) float32, replaces it on the diagonal:
    - zeros leave the positive uncorrected: it was not drawn but is there for certain, so that the sum over columns
      estimates that of the full softmax; exact with many negatives only.
    - `log_q_of_positive` departs from the paper: masking the own item's other copies takes weight from it, which the
      same formula ignores (an item expected six times a batch counts a seventh); this puts them into the one column.

    `hard` adds columns to single rows. They were not drawn in proportion to p: an item of the row's mining window is
    there with a chance of its own, so ln of that chance (`hard.log_q`, 0 when the whole window is taken) is its
    correction, in the unit of the others. Window and rest are thus two strata of the catalogue, and an item must
    count in one: where a hard negative also stands among the shared columns, that column is masked for the row.
    (Of a window that is only sampled, the undrawn items still count among the rest: a small overlap.)
    A hard column with the row's own item is masked. It remains an approximation: which items are mined depends on
    what the reader is known to like.

    Returns a scalar in nats; 0 for a row with every other column masked. Raises ValueError for shapes that do not fit
    and a temperature that is not above 0.
    """
    batch = len(query)
    _check_columns(query, candidate, temperature)
    if not item_idx.shape == log_q.shape == (len(candidate),):
        raise ValueError(f"{len(candidate)} columns, but item_idx {tuple(item_idx.shape)}, log_q {tuple(log_q.shape)}.")
    own = item_idx[:batch, None]  # (batch, 1)
    positive = torch.arange(batch, device=query.device)
    correction = log_q.expand(batch, -1)  # (batch, columns); log_q[j] lowers column j
    if positive_log_q is not None:
        correction = correction.diagonal_scatter(positive_log_q)
    logits = _product(_wide(query) / temperature, candidate.T) - correction  # (batch, columns)
    masked = own == item_idx  # (batch, columns); the same item twice
    if blocks is not None:
        masked[:, :batch] |= blocks[:, None] != blocks
    _mask(masked, known, absent)
    if hard is not None:
        masked |= _stand_in_row(hard, item_idx)
        hard_logits = _product(hard.candidate, query[:, :, None]).squeeze(2) / temperature  # (batch, m)
        logits = torch.cat([logits, hard_logits - hard.log_q[:, None]], dim=1)  # (batch, columns + m)
        masked = torch.cat([masked, ~hard.present | (hard.item_idx == own)], dim=1)
    return _softmax_loss(logits, positive, masked, weights)


def full_softmax_loss(
    query: Tensor,
    candidate: Tensor,
    item_idx: Tensor,
    *,
    temperature: float,
    known: Tensor | None = None,
    absent: Tensor | None = None,
    weights: Tensor | None = None,
) -> Tensor:
    """Softmax loss against the whole catalogue, for catalogues that are small: nothing is sampled, nothing corrected.

    query: (batch, dim).  candidate: (num_items, dim).  item_idx: (batch,) int64, the row of candidate that each query
    chose.  known: (n, 2) int64, row and column of other known positives, masked; never the chosen one.
    absent: (batch, num_items) bool, items that a row could not have chosen: masked as well.
    Returns a scalar in nats. Raises ValueError for a temperature that is not above 0.
    """
    _check_columns(query, candidate, temperature, at_least=1)
    logits = _product(_wide(query) / temperature, candidate.T)  # (batch, num_items)
    masked = torch.zeros_like(logits, dtype=torch.bool)
    _mask(masked, known, absent)
    return _softmax_loss(logits, item_idx, masked, weights)


def pairwise_loss(
    query: Tensor,
    candidate: Tensor,
    negative: Tensor,
    present: Tensor,
    *,
    temperature: float,
    weights: Tensor | None = None,
) -> Tensor:
    """The chosen item should score above what the row's reader saw and did not choose: ln(1 + e^-(difference)).

    query: (batch, dim).  candidate: (columns, dim), of which column i < batch is what query i chose.
    negative: (batch, m, dim), a row's impression negatives (or explicit dislikes), padded with anything finite.
    present: (batch, m) bool, false for padding.
    BPR's logistic loss (Rendle et al., UAI 2009) over pairs that were shown instead of sampled. Uncorrected: no sampler
    chose them. A row's pairs are averaged, so that a long slate says no more than a short one; a row without any
    counts as 0 and stays in the mean, so that a row's share does not depend on who else is in the batch.
    Returns a scalar in nats, 0 without any negative. Raises ValueError as `sampled_softmax_loss`.
    """
    _check_columns(query, candidate, temperature)
    chosen = _own_scores(query, candidate)[:, None]  # (batch, 1)
    shown = _product(negative, query[:, :, None]).squeeze(2)  # (batch, m)
    losses = F.softplus((shown - chosen) / temperature).masked_fill(~present, 0)
    return _weighted_mean(losses.sum(dim=1) / present.sum(dim=1).clamp(min=1), weights)


def with_term(loss: Tensor, weight: float, term: Callable[[], Tensor]) -> Tensor:
    """`loss + weight * term()`; at weight 0 it is `loss` itself, and `term` is never called.

    So weight 0 is the base loss bit for bit, in later steps too: no tower runs for the term, no dropout draws a number.
    Raises ValueError for a negative weight.
    """
    if weight < 0:
        raise ValueError(f"A term of weight {weight} would reward what it should press down. Take 0 to leave it out.")
    return loss if weight == 0 else loss + weight * term()


@dataclass(frozen=True, eq=False)
class Gramians:
    """Running means of outer products, without gradient: query, other (dim, dim) float32, of so many steps."""

    query: Tensor
    other: Tensor
    steps: int = 0

    @classmethod
    def empty(cls, dim: int, *, device: torch.device | None = None) -> Gramians:
        return cls(torch.zeros(dim, dim, device=device), torch.zeros(dim, dim, device=device))


def gramian_loss(
    query: Tensor, candidate: Tensor, other: Tensor, *, penalty: float, weights: Tensor | None = None
) -> Tensor:
    """No sampling: positives are drawn to score 1, and every query x item pair is pressed to 0.

    Weighted mean over rows of (s - 1)^2, plus penalty times the mean of s^2 over all pairs of `query` and `other`.
    Krichene et al., ICLR 2019, "Efficient Training on Very Large Corpora via Gramian Estimation": the mean over pairs
    is the inner product of two dim x dim Gram matrices, so it costs (batch + m) dim^2, not batch x m.
    query: (batch, dim).  candidate: (columns, dim), of which column i < batch is what query i chose.
    other: (m, dim), whose pairs are pressed down: the batch's own items (as in the paper: in proportion to how often
    they occur), a uniform draw, or the whole catalogue (as iALS does).
    The pairs of `other` count alike, whatever a row's weight. Temperature and popularity have no part in it.
    Returns a scalar, not in nats. Raises ValueError for a negative penalty and shapes that do not fit.
    """
    _check_penalty(penalty)
    return _fit_loss(query, candidate, weights) + penalty * (_gram(query) * _gram(other)).sum()


def averaged_gramian_loss(
    query: Tensor,
    candidate: Tensor,
    other: Tensor,
    gramians: Gramians,
    *,
    penalty: float,
    rate: float,
    weights: Tensor | None = None,
) -> tuple[Tensor, Gramians]:
    """As `gramian_loss`, against Gram matrices averaged over past batches: the paper's SOGram, algorithm 2.

    A batch's own Gram matrix has at most batch directions and much noise; the average has seen more. `rate` within
    (0, 1] is the weight of the newest batch; 1 is `gramian_loss`. Unlike the paper the first 1/rate batches are a plain
    mean, so that the start from zero leaves no trace. The value is the product's tangent at the averages: its
    gradient is the paper's, and its value comes near the penalty itself instead of twice that.
    Returns the loss, and the state to pass in next time.
    Raises ValueError as `gramian_loss`, and for a rate outside (0, 1].
    """
    _check_penalty(penalty)
    if not 0 < rate <= 1:
        raise ValueError(f"rate is {rate}, but is the weight of the newest batch: above 0, at most 1.")
    of_query, of_other = _gram(query), _gram(other)  # both (dim, dim)
    newest = max(rate, 1 / (gramians.steps + 1))
    mean_query = torch.lerp(gramians.query, of_query.detach(), newest)
    mean_other = torch.lerp(gramians.other, of_other.detach(), newest)
    tangent = (of_query * mean_other).sum() + (mean_query * of_other).sum() - (mean_query * mean_other).sum()
    loss = _fit_loss(query, candidate, weights) + penalty * tangent
    return loss, Gramians(mean_query, mean_other, gramians.steps + 1)


def _softmax_loss(logits: Tensor, positive: Tensor, masked: Tensor, weights: Tensor | None) -> Tensor:
    """positive: (batch,) the column of each row's own item, which no mask reaches. Writes over logits and masked."""
    masked.scatter_(1, positive[:, None], False)
    losses = F.cross_entropy(logits.masked_fill_(masked, -torch.inf), positive, reduction="none")  # (batch,)
    return _weighted_mean(losses, weights)


def _stand_in_row(hard: HardNegatives, item_idx: Tensor) -> Tensor:
    """(batch, columns): is the item of the column among the row's hard negatives? Never compares columns x m."""
    distinct, column = torch.unique(item_idx, return_inverse=True)
    place = torch.searchsorted(distinct, hard.item_idx).clamp(max=len(distinct) - 1)  # (batch, m)
    hit = (distinct[place] == hard.item_idx) & hard.present
    stands = torch.zeros(len(hit), len(distinct), dtype=torch.bool, device=item_idx.device)
    stands[hit.nonzero()[:, 0], place[hit]] = True
    return stands[:, column]


def _mask(masked: Tensor, known: Tensor | None, absent: Tensor | None) -> None:
    if known is not None:
        masked[known[:, 0], known[:, 1]] = True
    if absent is not None:
        masked |= absent


def _weighted_mean(losses: Tensor, weights: Tensor | None) -> Tensor:
    return losses.mean() if weights is None else (losses * weights).sum() / weights.sum()


def _fit_loss(query: Tensor, candidate: Tensor, weights: Tensor | None) -> Tensor:
    return _weighted_mean((_own_scores(query, candidate) - 1).square(), weights)


def _gram(vectors: Tensor) -> Tensor:
    """(n, dim) -> (dim, dim): the mean outer product."""
    return _product(vectors.T, vectors) / len(vectors)


def _own_scores(query: Tensor, candidate: Tensor) -> Tensor:
    """(batch,): of each query with the item that it chose."""
    return (_wide(query) * _wide(candidate[: len(query)])).sum(dim=1)


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Matrix product in float32 at least, whatever autocast would do."""
    with torch.autocast(left.device.type, enabled=False):
        return _wide(left) @ _wide(right)


def _wide(vectors: Tensor) -> Tensor:
    return vectors.to(torch.promote_types(vectors.dtype, torch.float32))


def _check_columns(query: Tensor, candidate: Tensor, temperature: float, at_least: int | None = None) -> None:
    columns = len(query) if at_least is None else at_least
    if len(candidate) < columns or query.shape[1] != candidate.shape[1]:
        raise ValueError(
            f"query {tuple(query.shape)} and candidate {tuple(candidate.shape)} do not fit: the same dim, and a column "
            "for each row's own item, in the rows' order, before any other."
        )
    if temperature <= 0:
        raise ValueError(f"temperature is {temperature}, but scores are divided by it: above 0.")


def _check_penalty(penalty: float) -> None:
    if penalty < 0:
        raise ValueError(f"penalty is {penalty}, but weighs what is pressed down: at least 0.")
