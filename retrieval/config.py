"""What can be chosen about the two towers and their training. Saved in the artefact, never read from settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Encoder(StrEnum):
    """How a history becomes vectors. MEAN: learned weighted means.  ATTENTION: causal self-attention beside them."""

    MEAN = "mean"
    ATTENTION = "attention"


class Negatives(StrEnum):
    """What a positive is held against.

    ALL: the whole catalogue (full softmax).  SAMPLED: the other rows of the batch and uniform draws (Yang et al. 2020).
    GRAMIAN: nothing is drawn; every pair is pushed towards 0 (Krichene et al. 2018).  SEEN: only what the reader saw
    beside it and did not choose, for comparison: of all that nobody is shown such towers learn nothing.
    """

    ALL = "all"
    SAMPLED = "sampled"
    GRAMIAN = "gramian"
    SEEN = "seen"


class PositiveCorrection(StrEnum):
    """The logQ of a row's own column. SAME: by the formula of every column, as Yi et al. 2019 have it.  NONE: left
    out, an ablation.  OWN: with the weight of its masked copies (`log_q.log_q_of_positive`)."""

    SAME = "same"
    NONE = "none"
    OWN = "own"


MOST_HARD_SCORES = 1 << 25
"""Of a batch with the whole catalogue, to mine hard negatives: half a gigabyte with what sorting takes."""


class ConfigError(ValueError):
    """A value that no training could use."""


def _require_at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise ConfigError(f"{name} is {value}, but must be at least 1.")


def _require_not_negative(name: str, value: float) -> None:
    if value < 0:
        raise ConfigError(f"{name} is {value}, but cannot be negative.")


def _require_share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ConfigError(f"{name} is {value}, but is a share: from 0 to below 1.")


@dataclass(frozen=True)
class TowerConfig:
    """Sizes of both towers.

    dim: of the vectors that meet in the dot product.  hidden: width of the first hidden layer; each next one is half of
    it, until `dim`: with 256 and dim 64 there are two, of 256 and 128. Where it is not above dim there is none, and
    one linear layer stands beside the residual path.  dropout: of the hidden layers and of attention; without either it
    acts on nothing.
    history_length: interactions that a query looks at.  buckets: rows of the hashed tables.
    id_dropout: share of training columns whose item id is hidden, so that content alone must do, as for a new item.
    history_dropout: mean share of a training row's history that is hidden; topics of its latest items are not.
    unit_norm: both vectors have norm 1; otherwise norms are free and each item has a bias, as one more dimension.
    place_decay: how fast one of the two means over a history forgets older places at first, e-fold a place; it learns
    from there. 0 begins with a plain mean: for lasting taste rather than the next choice.
    uses_counts: the candidate tower reads how often an item was chosen lately and ever.
    """

    dim: int = 64
    hidden: int = 128
    encoder: Encoder = Encoder.MEAN
    history_length: int = 100
    attention_length: int = 50
    attention_heads: int = 2
    attention_layers: int = 1
    word_buckets: int = 1 << 15
    topic_buckets: int = 1 << 10
    author_buckets: int = 1 << 13
    trait_buckets: int = 1 << 10
    dropout: float = 0.1
    id_dropout: float = 0.1
    history_dropout: float = 0.3
    unit_norm: bool = True
    place_decay: float = 0.125
    uses_counts: bool = True

    def __post_init__(self) -> None:
        for name in ("dim", "hidden", "history_length", "attention_length", "attention_heads", "attention_layers"):
            _require_at_least_one(name, getattr(self, name))
        for name in ("word_buckets", "topic_buckets", "author_buckets", "trait_buckets"):
            if getattr(self, name) < 2:
                raise ConfigError(f"{name} is {getattr(self, name)}; one row is padding, so there must be at least 2.")
        for name in ("dropout", "id_dropout", "history_dropout"):
            _require_share(name, getattr(self, name))
        _require_not_negative("place_decay", self.place_decay)
        if self.dim % self.attention_heads:
            raise ConfigError(f"dim {self.dim} cannot be divided among {self.attention_heads} attention heads.")


@dataclass(frozen=True)
class TrainingConfig:
    """How the towers learn.

    in_batch_negatives: how many other rows of its batch a row is held against, at least: the batch is cut into as many
    blocks of one row more as it holds, each for itself, and what is left over makes them larger (64 in a batch of 512
    gives 72 or 73); exact where one row more divides batch_size. None for all rows, one block. Of the Gramian, how many
    of the batch's items are pressed down.
    log_q_strength: beta of the logQ correction, 1 for the textbook's, 0 for none.  positive_correction: of a row's own
    column.  streaming_rate: of `log_q.StreamingFrequency` (Yi et al. 2019), which then estimates how often an item is
    drawn, batch by batch; None for counts of the interval that the batch comes from.
    popularity_prior: alpha of tau alpha ln P(d), which is added to scores of trained towers, P(d) an item's share of
    the window's positives (`popularity_prior.py`); 0 leaves it out. The rival of logQ: meant for sampled negatives and
    a log_q_strength of 0. It changes nothing of how towers learn.
    hard_negatives: columns that a row gets for itself, drawn from the `hard_window` items that the towers of the epoch
    before ranked highest for it, after the first `hard_skip`. Only beside sampled negatives, and where a batch and the
    catalogue make no more than `MOST_HARD_SCORES`.
    gramian_weight: of the pairs pressed down.  gramian_rate: weight of the newest batch in Gram matrices that are
    averaged over batches (`losses.averaged_gramian_loss`); 1 for those of the batch alone.
    impression_weight: of the pairwise term against items that a row's reader saw and did not choose; 0 leaves it out.
    half_life_days: of a positive's weight, counted back from the end of the window; None for no decay.
    most_per_reader: rows that one reader gives to an epoch, at most.
    spectral_ridge: item rows begin as the first singular directions of what readers chose, shrunk by this ridge
    (`spectral_start.py`); None for random rows. Only for free norms, of which that linear model makes use.
    weight_averaging: how much of the average so far each step keeps; training gives the average of the weights over
    its steps (Polyak and Juditsky 1992), which generalises better than the last ones. 0: the last ones.
    refresh_interval_h: how often serving gets new item features. A batch lies within one such interval, and its
    candidates carry counts of the interval's beginning and ages as of its end.
    out_only: nothing is a negative of what happened before it came out, as nothing is shown before. False where a model
    will be asked to rank the whole catalogue at any time, as benchmarks on old ratings do.
    table_learning_rate: of sparse Adagrad, by which hashed tables of words and authors learn, and the id tables too of
    a catalogue of more than `sparse_tables_above` items: Adam would move every row at every step.
    """

    seed: int = 0
    epochs: int = 10
    patience: int = 2
    batch_size: int = 512
    learning_rate: float = 2e-3
    table_learning_rate: float = 0.02
    weight_decay: float = 0.0
    temperature: float = 0.07
    negatives: Negatives | None = None
    all_negatives_up_to: int = 20_000
    in_batch_negatives: int | None = None
    uniform_negatives: int = 512
    log_q_strength: float = 1.0
    positive_correction: PositiveCorrection = PositiveCorrection.SAME
    streaming_rate: float | None = None
    popularity_prior: float = 0.0
    hard_negatives: int = 0
    hard_skip: int = 10
    hard_window: int = 100
    gramian_weight: float = 1.0
    gramian_rate: float = 1.0
    impression_weight: float = 0.0
    half_life_days: float | None = 30.0
    most_per_reader: int = 50
    spectral_ridge: float | None = None
    weight_averaging: float = 0.0
    refresh_interval_h: float = 24.0
    out_only: bool = True
    sparse_tables_above: int = 50_000

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "batch_size", "most_per_reader"):
            _require_at_least_one(name, getattr(self, name))
        for name in ("learning_rate", "table_learning_rate", "temperature", "refresh_interval_h"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}, but must be above 0.")
        if self.half_life_days is not None and not self.half_life_days > 0:
            raise ConfigError(f"half_life_days is {self.half_life_days}, but must be above 0, or None for no decay.")
        for name in ("uniform_negatives", "hard_negatives", "hard_skip", "impression_weight", "gramian_weight"):
            _require_not_negative(name, getattr(self, name))
        _require_not_negative("in_batch_negatives", self.in_batch_negatives or 0)
        _require_not_negative("spectral_ridge", self.spectral_ridge or 0)
        _require_not_negative("popularity_prior", self.popularity_prior)
        if self.negatives == Negatives.SEEN and not self.impression_weight:
            raise ConfigError("With negatives that were seen alone, impression_weight must be above 0: else nothing.")
        if self.in_batch_negatives == self.uniform_negatives == 0:
            raise ConfigError("Neither in-batch nor uniform negatives: nothing to hold a positive against.")
        if self.streaming_rate is not None and not 0 < self.streaming_rate < 1:
            raise ConfigError(f"streaming_rate is {self.streaming_rate}, but must lie between 0 and 1, or be None.")
        if not 0 < self.gramian_rate <= 1:
            raise ConfigError(f"gramian_rate is {self.gramian_rate}, but must be above 0 and at most 1.")
        _require_share("weight_averaging", self.weight_averaging)
        if self.hard_negatives > self.hard_window:
            raise ConfigError(
                f"{self.hard_negatives} hard negatives cannot be drawn from a window of {self.hard_window}."
            )

    def negatives_for(self, num_items: int) -> Negatives:
        """The choice, or by size where none was made: the whole catalogue while that is cheap.

        Raises `ConfigError` for hard negatives beside anything but sampled ones, or of too large a catalogue.
        """
        by_size = Negatives.ALL if num_items <= self.all_negatives_up_to else Negatives.SAMPLED
        chosen = by_size if self.negatives is None else self.negatives
        if self.hard_negatives and chosen != Negatives.SAMPLED:
            raise ConfigError(f"Hard negatives stand beside sampled ones, not {chosen}: set negatives to sampled.")
        if self.hard_negatives and self.batch_size * num_items > MOST_HARD_SCORES:
            raise ConfigError(
                f"Hard negatives are mined from {self.batch_size} x {num_items} scores at every step; at most "
                f"{MOST_HARD_SCORES} are allowed: with this catalogue a batch_size of {MOST_HARD_SCORES // num_items}, "
                f"with this batch_size {MOST_HARD_SCORES // self.batch_size} items. Or set hard_negatives to 0."
            )
        return chosen


@dataclass(frozen=True)
class TwoTowerConfig:
    towers: TowerConfig = field(default_factory=TowerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if self.training.spectral_ridge is not None and self.towers.unit_norm:
            raise ConfigError(
                "spectral_ridge begins with vectors whose norms say how popular an item is: set unit_norm to False."
            )
        if self.training.popularity_prior and not self.towers.unit_norm:
            raise ConfigError(
                "With free norms an item's bias learns how popular it is: leave popularity_prior at 0 beside them."
            )

    @property
    def width(self) -> int:
        """Of the vectors that serving compares: dim, and one more for an item's bias or its prior."""
        return self.towers.dim + self.has_bias

    @property
    def has_bias(self) -> bool:
        """Whether the last number of an item's vector is added to every score of it, and that of a query is 1."""
        return not self.towers.unit_norm or self.training.popularity_prior > 0
