"""The two towers: a reader's state and an item become vectors whose dot product is the score. torch, so only to train.

Covington et al. 2016, "Deep Neural Networks for YouTube Recommendations", and Yi et al. 2019; the history is pooled by
learned weights of kind, age and place, and a residual path keeps the model linear in it at the start.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it
from torch import Tensor, nn

from retrieval.candidate_features import COUNTS
from retrieval.config import Encoder, TowerConfig
from retrieval.content import AGE_BUCKETS, FIRST_ITEM, NEW_ITEM
from retrieval.features import GAP_BUCKETS
from retrieval.hashing import PADDING

_SMALL = 0.05
_NEVER = -1e4
"""A logit of what is not there: finite, so that a row of nothing has a mean and no NaN."""


class QueryTower(nn.Module):
    """(n, dim) from `QueryFeatures`, whose arrays it takes by name.

    Unit norm if the config says so; otherwise free, with a last dimension of 1 for the item's bias.
    `sparse`: whether the id table has sparse gradients, which a large catalogue needs.
    """

    def __init__(self, num_items: int, config: TowerConfig, *, sparse: bool = False) -> None:
        super().__init__()
        self.config = config
        dim, side = config.dim, config.dim // 2
        self.items = _table(FIRST_ITEM + num_items, dim, sparse=sparse)
        self.kinds = _table(config.trait_buckets, dim)
        self.kind_weights = _weights(config.trait_buckets)
        self.age_weights = nn.ModuleList([_weights(GAP_BUCKETS), _weights(GAP_BUCKETS)])
        places = torch.arange(config.history_length, dtype=torch.float32)
        self.place_weights = nn.ParameterList([torch.zeros_like(places), -places * config.place_decay])
        self.nothing = nn.Parameter(torch.randn(dim) * _SMALL)
        self.topics = _table(config.topic_buckets, side)
        self.authors = _table(config.author_buckets, side, sparse=True)
        self.words = _table(config.word_buckets, side, sparse=True)
        self.traits = _table(config.trait_buckets, side)
        self.hours, self.days = _table(25, 8), _table(8, 8)
        self.attention = _Attention(config) if config.encoder == Encoder.ATTENTION else None
        pooled = 2 + (self.attention is not None)
        self.hidden = _halving(pooled * dim + 5 * side + 16, config)
        self.mix = nn.Parameter(torch.ones(pooled))

    def forward(  # noqa: PLR0917 - as ONNX hands them in
        self,
        history: Tensor,
        history_kinds: Tensor,
        history_ages: Tensor,
        history_topics: Tensor,
        searches: Tensor,
        topics: Tensor,
        authors: Tensor,
        traits: Tensor,
        moments: Tensor,
        item_table: Tensor | None = None,
    ) -> Tensor:
        """item_table: rows in place of those of `items`, for a tower that is handed them and does not hold them."""
        history = self._kept(history)  # what is hidden is padding from here on
        is_there = history != PADDING  # (n, length)
        chosen = self.items(history) if item_table is None else F.embedding(history, item_table)
        events = chosen + self.kinds(history_kinds)  # (n, length, dim)
        kind_weight = self.kind_weights(history_kinds).squeeze(2)
        weights = [
            age_weights(history_ages).squeeze(2) + place_weights[: history.shape[1]] + kind_weight
            for age_weights, place_weights in zip(self.age_weights, self.place_weights, strict=True)
        ]
        pools = list(self._pooled(events, torch.stack(weights, dim=1), is_there).unbind(1))  # each (n, dim)
        if self.attention is not None:
            pools.append(self.attention(events, history_ages, is_there))
        about = [
            _mean(self.topics(history_topics), history_topics),
            _mean(self.topics(topics), topics),
            _mean(self.authors(authors), authors),
            _mean(self.words(searches), searches),
            _mean(self.traits(traits), traits),
            self.hours(moments[:, 0]),
            self.days(moments[:, 1]),
        ]
        vector = self.hidden(torch.cat([*pools, *about], dim=1))  # (n, dim)
        for weight, pool in zip(self.mix, pools, strict=True):
            vector = vector + weight * pool
        if self.config.unit_norm:
            return F.normalize(vector, dim=1)
        return F.pad(vector, (0, 1), value=1.0)  # (n, dim + 1)

    def start_at(self, vectors: Tensor) -> None:
        """Begin as the mean of `vectors`, (num_items, dim), over a history, and little else."""
        with torch.no_grad():
            self.items.weight[FIRST_ITEM:] = vectors / len(self.mix)
            self.kinds.weight.zero_()
            _silence(self.hidden)

    def _kept(self, history: Tensor) -> Tensor:
        """The history less a random part of it: rows lose between nothing and twice the mean share."""
        if not self.training or not self.config.history_dropout:
            return history
        share = torch.rand(len(history), 1, device=history.device) * 2 * self.config.history_dropout
        hidden = torch.rand(history.shape, device=history.device) < share
        return history.masked_fill(hidden, PADDING)

    def _pooled(self, events: Tensor, weights: Tensor, is_there: Tensor) -> Tensor:
        """weights: (n, pools, length). Returns (n, pools, dim), weighted means of what is there."""
        share = torch.softmax(weights.masked_fill(~is_there.unsqueeze(1), _NEVER), dim=2)
        return torch.where(is_there.any(dim=1)[:, None, None], share @ events, self.nothing)


class CandidateTower(nn.Module):
    """(n, dim) from an item's id row, content, age and counts. Free norms end with the item's bias."""

    def __init__(self, num_items: int, config: TowerConfig, *, sparse: bool = False) -> None:
        super().__init__()
        self.config = config
        dim, side = config.dim, config.dim // 2
        self.items = _table(FIRST_ITEM + num_items, dim, sparse=sparse)
        self.biases = _weights(FIRST_ITEM + num_items, sparse=sparse)
        self.words = _table(config.word_buckets, side, sparse=True)
        self.topics = _table(config.topic_buckets, side)
        self.authors = _table(config.author_buckets, side, sparse=True)
        self.languages = _table(config.trait_buckets, 8)
        self.ages = _table(AGE_BUCKETS, 8)
        self.hidden = _halving(3 * side + 16 + COUNTS, config)

    def forward(  # noqa: PLR0917 - as ONNX hands them in
        self,
        rows: Tensor,
        words: Tensor,
        topics: Tensor,
        authors: Tensor,
        languages: Tensor,
        ages: Tensor,
        counts: Tensor,
    ) -> Tensor:
        """rows: (n,) of the id table.  counts: (n, COUNTS) float32.  The others as in `ItemContent`."""
        rows = self._shown(rows)
        about = [
            _mean(self.words(words), words),
            _mean(self.topics(topics), topics),
            self.authors(authors),
            self.languages(languages),
            self.ages(ages),
            counts * float(self.config.uses_counts),  # an input that is left out would be missing from the ONNX file
        ]
        vector = self.items(rows) + self.hidden(torch.cat(about, dim=1))  # (n, dim)
        if self.config.unit_norm:
            return F.normalize(vector, dim=1)
        return torch.cat([vector, self.biases(rows)], dim=1)  # (n, dim + 1)

    def start_at(self, vectors: Tensor) -> None:
        """Begin as `vectors`, (num_items, dim), and little else."""
        with torch.no_grad():
            self.items.weight[FIRST_ITEM:] = vectors
            _silence(self.hidden)

    def _shown(self, rows: Tensor) -> Tensor:
        if not self.training or not self.config.id_dropout:
            return rows
        hidden = torch.rand(rows.shape, device=rows.device) < self.config.id_dropout
        return rows.masked_fill(hidden, NEW_ITEM)


class _Attention(nn.Module):
    """Causal self-attention over the most recent events (Kang and McAuley 2018, "Self-Attentive Sequential
    Recommendation"), with the age of an event in place of its number.

    The answer is what the newest event that is there has become. One that is hidden is nobody's key, but sees itself:
    its own place would give it away.
    """

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.length = min(config.attention_length, config.history_length)
        self.ages = _table(GAP_BUCKETS, config.dim)
        self.layers = nn.ModuleList([_AttentionLayer(config) for _ in range(config.attention_layers)])

    def forward(self, events: Tensor, ages: Tensor, is_there: Tensor) -> Tensor:
        length = min(self.length, events.shape[1])
        tokens = (events + self.ages(ages))[:, :length].flip(1)  # (n, length, dim), the most recent last
        visible = is_there[:, :length].flip(1)
        causal = torch.ones(length, length, dtype=torch.bool, device=tokens.device).tril()
        may_see = causal & (visible.unsqueeze(1) | torch.eye(length, dtype=torch.bool, device=tokens.device))
        for layer in self.layers:
            tokens = layer(tokens, may_see)
        newest = length - 1 - is_there[:, :length].int().argmax(dim=1)  # (n,), the first of equals: the most recent
        answer = tokens.gather(1, newest[:, None, None].expand(-1, 1, tokens.shape[2])).squeeze(1)  # (n, dim)
        return answer * visible.any(dim=1, keepdim=True)


class _AttentionLayer(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        dim = config.dim
        self.heads = config.attention_heads
        self.before = nn.LayerNorm(dim)
        self.projected = nn.Linear(dim, 3 * dim)
        self.joined = nn.Linear(dim, dim)
        self.between = nn.LayerNorm(dim)
        self.hidden = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor, may_see: Tensor) -> Tensor:
        num, length, dim = tokens.shape
        parts = self.projected(self.before(tokens)).view(num, length, 3, self.heads, dim // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (n, heads, length, dim / heads)
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=may_see.unsqueeze(1))
        tokens = tokens + self.dropout(self.joined(seen.transpose(1, 2).reshape(num, length, dim)))
        return tokens + self.dropout(self.hidden(self.between(tokens)))


def _table(rows: int, dim: int, *, sparse: bool = False) -> nn.Embedding:
    table = nn.Embedding(rows, dim, padding_idx=PADDING, sparse=sparse)
    nn.init.normal_(table.weight, std=_SMALL)
    with torch.no_grad():
        table.weight[PADDING].zero_()
    return table


def _weights(rows: int, *, sparse: bool = False) -> nn.Embedding:
    table = nn.Embedding(rows, 1, sparse=sparse)
    nn.init.zeros_(table.weight)
    return table


def _halving(width: int, config: TowerConfig) -> nn.Sequential:
    """Layers from `hidden` down, each half of the one before, to `dim`; where `hidden` is no wider, the last alone."""
    layers: list[nn.Module] = []
    size = max(config.hidden, config.dim)
    while size > config.dim:
        layers += [nn.Linear(width, size), nn.GELU(), nn.Dropout(config.dropout)]
        width, size = size, max(size // 2, config.dim)
    return nn.Sequential(*layers, nn.Linear(width, config.dim))


def _silence(layers: nn.Sequential) -> None:
    """Nearly: from exact zeros the layers before the last could not learn."""
    last = layers[-1]
    if isinstance(last, nn.Linear):
        last.weight.mul_(_SMALL)
        last.bias.zero_()


def _mean(vectors: Tensor, rows: Tensor) -> Tensor:
    """(n, dim) from (n, width, dim): of those that are not padding (whose vectors are 0); 0 where all are."""
    count = (rows != PADDING).sum(dim=1, keepdim=True).clamp(min=1)
    return vectors.sum(dim=1) / count
