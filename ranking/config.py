"""How a ranker is trained. Saved in its artefact."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ClickModelConfig:
    """num_trees: at most; early stopping on the later window ends before."""

    num_leaves: int = 15
    learning_rate: float = 0.05
    num_trees: int = 300
    min_rows_in_leaf: int = 50
    patience: int = 20


@dataclass(frozen=True)
class RankerConfig:
    """num_trees: at most; early stopping ends when `patience` further trees did not help on the later window.
    all_trees_from: with so many visits or more nothing stops early; None: however many there are. Which number of trees
        does best on a small window is mostly chance, but of few visits many trees are learned by heart.
    feature_share: of the columns, drawn anew for each tree, and of those again for each split.
    later_share: of the visits, the latest, on which early stopping and the report are computed.
    ndcg_at: places that early stopping and the report look at.
    truncation: pairs are made with the first so many places of a visit; a little more than ndcg_at.
    viewed_gain: of what was viewed and not chosen, against 0 for dismissed. 0: the two are told apart no more.
    position_bias_regularization: LightGBM's, L2 on its position biases, by row. Where a log has little exploration,
        more of it leaves what score and position could both explain to the score; 0.003 was best or second best in
        planted worlds with 0, 10 and 100% random slates.
    min_examination: a click counts at most 1 / this in position-weighted NDCG, which bounds its variance.
    refit: once the number of trees is known, train once more with the later window too, which is what will go live.
    click_model: None for none; a bootstrap never has one.
    """

    num_leaves: int = 31
    learning_rate: float = 0.05
    num_trees: int = 500
    min_rows_in_leaf: int = 50
    l2: float = 1.0
    feature_share: float = 1.0
    patience: int = 50
    all_trees_from: int | None = None
    later_share: float = 0.2
    ndcg_at: int = 24
    truncation: int = 30
    viewed_gain: float = 0.5
    position_bias_regularization: float = 0.003
    min_examination: float = 0.1
    refit: bool = True
    click_model: ClickModelConfig | None = field(default_factory=ClickModelConfig)
    seed: int = 0
    num_threads: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.later_share < 1:
            raise ValueError(f"later_share is {self.later_share}, but some visits must train and some must judge.")
        if self.viewed_gain < 0:
            raise ValueError(f"viewed_gain is {self.viewed_gain}: what was viewed would be worse than dismissed.")
        if not 0 < self.min_examination <= 1:
            raise ValueError(f"min_examination is {self.min_examination}, but is a probability above 0.")
