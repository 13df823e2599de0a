"""What a training saw and how its ranker did on later visits, beside the orders that it was given."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranking.config import RankerConfig
from ranking.goals import Goals
from ranking.grades import teaches
from ranking.metrics import as_shown
from ranking.order import Order, RetrievalOrder
from ranking.visits import LABELS, POSITIVE, Visits


def describe(visits: Visits, earlier: Visits, later: Visits, config: RankerConfig, *, trees: int) -> dict[str, Any]:
    """Counts. unlearnable_visits: without two rows of different gain; LambdaMART has no gradient from them."""
    counts = np.bincount(visits.labels, minlength=len(LABELS))
    gains, positives = np.unique(visits.gains[visits.labels == POSITIVE], return_counts=True)
    return {
        "visits": visits.num_visits,
        "rows": visits.num_rows,
        "rows_by_label": {name: int(count) for name, count in zip(LABELS[1:], counts[1:], strict=True)},
        "positives_by_gain": {str(gain): int(count) for gain, count in zip(gains, positives, strict=True)},
        "visits_without_positive": int((~visits.has_positive).sum()),
        "unlearnable_visits": int((~teaches(visits, viewed_gain=config.viewed_gain)).sum()),
        "visits_across_windows": visits.num_visits - earlier.num_visits - later.num_visits,
        "trees": trees,
    }


def judged(later: Visits, order: Order, goals: Goals) -> dict[str, Any]:
    """NDCG of the order on later visits, beside the orders that went in, and whether it beat them.

    beats_input_order: by the goals, visit by visit, it is above the best of the others by more than chance.
    A bootstrap was not shown in any order, so there it is only compared with the fusion of its sources.
    """
    scores = {"ranker": order.scores(later.features)}
    if not later.assumed:
        scores["as_shown"] = as_shown(later.visit_sizes)
    scores["fusion"] = RetrievalOrder(order.feature_set).scores(later.features)
    inputs = [name for name in scores if name != "ranker"]
    scores["random"] = np.zeros(later.num_rows)
    means = {name: goals.mean(said) for name, said in scores.items()}
    best = max(inputs, key=lambda name: means[name])
    lead = goals.lead(scores["ranker"], scores[best])
    plain = Goals.plain(later, goals.k)
    return {
        "visits": later.num_visits,
        "visits_with_positive": int(later.has_positive.sum()),
        "ndcg_at": goals.k,
        "ndcg": {name: plain.mean(said) for name, said in scores.items()},
        "position_weighted_ndcg": None if goals.by_visit else means,
        "best_input_order": best,
        "lead_over_it": lead.mean,
        "error_of_lead": None if np.isnan(lead.error) else lead.error,
        "beats_input_order": lead.beyond_chance,
    }
