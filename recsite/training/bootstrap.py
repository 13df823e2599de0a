"""A ranker from history alone: label events become groups, groups become a ranker (rules: `ranking.bootstrap`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ranking.artefact import RankerArtefact
from ranking.bootstrap import LEAST_EVENTS
from ranking.config import RankerConfig
from ranking.order import RetrievalOrder
from ranking.request import NONE
from ranking.train import train_ranker
from ranking.visits import ASSUMED_NEGATIVE, POSITIVE, NothingToLearn, Visits
from recsite.funnel.sources import FEATURE_SET
from recsite.training.asking import Asked, FunnelAt, ask, of_drawn_moments

MOST_NEGATIVES = 100
"""Assumed negatives of a group for each of its positives: so many candidates drawn at random.

Not the hardest, though LambdaMART would like those: with the best of the fusion among them, an item further down was a
positive far more often than it is among all candidates, and the ranker learned to look for such items.
"""

_MOST_POSITIVES_COUNTED = 3


@dataclass(frozen=True, eq=False)
class Groups:
    """visits: what the ranker learns from, None where no source named a single label.
    asked: how many groups there could have been.  not_retrieved: how many labels no source named."""

    visits: Visits | None
    asked: int
    not_retrieved: int


@dataclass
class _Columns:
    """Rows of groups as they come, in lists of arrays."""

    asked: list[Asked] = field(default_factory=list)
    features: list[np.ndarray] = field(default_factory=list)
    is_positive: list[np.ndarray] = field(default_factory=list)
    first_chosen_s: list[np.ndarray] = field(default_factory=list)


def bootstrap_ranker(
    funnel_at: FunnelAt,
    labels: pa.Table,
    config: RankerConfig,
    *,
    trained_until: datetime,
    until: datetime,
    first_chosen_s: Callable[[np.ndarray], np.ndarray],
    most: int,
) -> RankerArtefact:
    """Learn an order of what a shadow says to label events; where that is no better than the fusion of its sources on
    the later of them, or nothing can be learned, the fusion itself, with a report that says why.

    funnel_at: with a shadow stage, which learned until `trained_until`.  labels: `examples.POSITIVES` of
    [trained_until, until).  first_chosen_s: as `History.first_chosen_s`.  most: moments, about, as many readers'
    as there are: of ML-100K 900 of everybody taught more than 1,300 of a third of the readers did.
    """
    chosen = of_drawn_moments(label_rows(labels, trained_until), most, seed=config.seed)
    learned = groups(funnel_at, chosen, trained_until=trained_until, first_chosen_s=first_chosen_s, seed=config.seed)
    told = {"labels": len(labels), "asked": learned.asked, "not_retrieved": learned.not_retrieved}
    if learned.visits is None:
        return fusion_ranker(f"No source named any of {len(chosen)} label events.", told)
    try:
        ranker = train_ranker([learned.visits], config, since=trained_until, until=until, feature_set=FEATURE_SET)
    except NothingToLearn as nothing:
        return fusion_ranker(str(nothing), told)
    later = ranker.report["later"]
    if not later["beats_input_order"]:
        means = ", ".join(f"{name} {value:.4f}" for name, value in later["ndcg"].items())
        why = f"It was not better than fusion by more than chance on the later label events: NDCG {means}."
        return fusion_ranker(why, told, trained=ranker.report)
    return replace(ranker, report={**ranker.report, "bootstrap": told})


def fusion_ranker(why: str, bootstrap: dict[str, Any] | None = None, **report: Any) -> RankerArtefact:
    """No reranking: reciprocal-rank fusion of all sources. why: a sentence for its report."""
    report = {"order": "fusion", "why": why, **report}
    if bootstrap is not None:
        report["bootstrap"] = bootstrap
    return RankerArtefact(order=RetrievalOrder(FEATURE_SET), report=report)


def label_rows(labels: pa.Table, trained_until: datetime) -> pa.Table:
    """Those with a history before them, of readers with at least `LEAST_EVENTS` such; with fewer where nobody has so
    many. What was answered to a slate from before `trained_until` is left out: the shadow knows more than that did.

    Readers who first came after `trained_until` are labels too, as soon as they have chosen something: a feed's new
    readers are just like that.
    """
    has_history = pc.greater(pc.list_value_length(labels["history"]), 0)
    is_later = pc.greater_equal(labels["state_at"], pa.scalar(trained_until, labels.schema.field("state_at").type))
    rows = labels.filter(pc.and_(has_history, is_later))
    readers, counts = np.unique(rows["reader_id"].to_numpy(), return_counts=True)
    least = min(LEAST_EVENTS, int(counts.max(initial=1)))
    return rows.filter(pc.is_in(rows["reader_id"], pa.array(readers[counts >= least])))


def groups(
    funnel_at: FunnelAt,
    labels: pa.Table,
    *,
    trained_until: datetime,
    first_chosen_s: Callable[[np.ndarray], np.ndarray],
    seed: int,
) -> Groups:
    """A group for each moment of `labels` of which a source named a choice."""
    rng = np.random.default_rng(seed)
    columns = _Columns()
    moments = missed = 0
    for one, _, ranked in ask(funnel_at, labels):
        moments += 1
        items = ranked.request.candidates.item_ids
        is_positive = np.isin(items, one.targets)
        missed += len(one.targets) - int(is_positive.sum())
        if is_positive.any():
            rows = sampled(is_positive, rng)
            columns.asked.append(one)
            columns.features.append(ranked.features[rows])
            columns.is_positive.append(is_positive[rows])
            columns.first_chosen_s.append(first_chosen_s(items[rows]))
    return Groups(_visits(columns, trained_until) if columns.asked else None, moments, missed)


def sampled(is_positive: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows to keep, rising: all positives, and a draw of the others in which their place plays no part."""
    others = np.flatnonzero(~is_positive)
    most = MOST_NEGATIVES * min(int(is_positive.sum()), _MOST_POSITIVES_COUNTED)
    drawn = rng.choice(others, min(most, len(others)), replace=False)
    return np.sort(np.concatenate([np.flatnonzero(is_positive), drawn]))


def _visits(columns: _Columns, trained_until: datetime) -> Visits:
    """Labels without position. The state of a moment knows nothing from it on."""
    sizes = np.array([len(part) for part in columns.is_positive], np.int64)
    at_s = np.repeat([one.at_s for one in columns.asked], sizes)
    is_positive = np.concatenate(columns.is_positive)
    rows = len(is_positive)
    return Visits(
        features=np.concatenate(columns.features),
        visit_ids=np.arange(len(sizes), dtype=np.int64),
        visit_sizes=sizes,
        labels=np.where(is_positive, POSITIVE, ASSUMED_NEGATIVE).astype(np.int8),
        gains=is_positive.astype(np.int16),
        positions=np.full(rows, NONE, np.int32),
        columns=np.zeros(rows, np.int16),
        served_s=at_s,
        known_until_s=at_s,
        trained_until_s=np.full(rows, trained_until.timestamp()),
        cold=np.concatenate(columns.first_chosen_s) >= trained_until.timestamp(),
    )
