"""Rows that a reranker of an arm learns from: the site's labels, or other choices of what is held against a choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace

import numpy as np

from benchmarks.loop_arms import Arm, Labels
from benchmarks.loop_sources import Unshown
from ranking.request import NONE
from ranking.visits import ASSUMED_NEGATIVE, DISMISSED, NEGATIVE, POSITIVE, NothingToLearn, Visits, join_visits
from recsite.funnel.sources import FEATURE_SET
from recsite.training.impressions import LoggedVisits

FirstChosen = Callable[[np.ndarray], np.ndarray]
"""As `History.first_chosen_s`."""

IMPRESSION_FEATURES = (
    "times_viewed",
    *(f"click_rate_{window}" for window in ("hour", "day", "week")),
    "dismiss_rate_week",
    *(f"log_views_{window}" for window in ("hour", "day", "week")),
)
"""What only a log of impressions can tell. Without a value in training no tree asks for them."""


def labelled(
    arm: Arm,
    logged: LoggedVisits,
    other: LoggedVisits | None,
    unshown: Unshown,
    first_chosen_s: FirstChosen,
    *,
    seed: int,
) -> Visits:
    """The rows that the arm learns from. logged: by the site's labels.  other: by those of the arm, where the site can
    make them. Raises NothingToLearn."""
    visits = logged.visits
    if arm.labels is Labels.SERVED and other is not None:
        visits = as_many_negatives(other.visits, visits, seed=seed)
    elif arm.labels is Labels.ABOVE and other is not None:
        visits = other.visits
    elif arm.needs_unshown:
        viewed = 0.5 if arm.labels is Labels.BOTH else 0.0
        visits = with_unshown(logged, unshown.of_page, first_chosen_s, viewed=viewed, seed=seed)
    return visits if arm.impression_features else without_features(visits, IMPRESSION_FEATURES)


def without_features(visits: Visits, names: tuple[str, ...]) -> Visits:
    features = visits.features.copy()
    features[:, [FEATURE_SET.names.index(name) for name in names]] = np.nan
    return replace(visits, features=features)


def as_many_negatives(visits: Visits, like: Visits, *, seed: int) -> Visits:
    """Of each visit as many negatives, drawn at random, as it has in `like`."""
    quota = dict(zip(like.visit_ids.tolist(), _negatives_of(like), strict=True))
    kept = np.zeros(visits.num_rows, bool)
    for place, visit in enumerate(visits.visit_ids.tolist()):
        rows = np.arange(visits.starts[place], visits.starts[place] + visits.visit_sizes[place])
        is_positive = visits.labels[rows] == POSITIVE
        others = rows[~is_positive]
        count = min(quota.get(visit, 0), len(others))
        kept[rows[is_positive]] = True
        kept[_draws(seed, visits.served_s[rows]).choice(others, count, replace=False)] = True
    return take_rows(visits, kept)


def with_unshown(
    logged: LoggedVisits,
    of_page: Mapping[int, tuple[np.ndarray, np.ndarray]],
    first_chosen_s: FirstChosen,
    *,
    viewed: float,
    seed: int,
) -> Visits:
    """Choices against as many others as the visit had viewed and left: a share `viewed` of just those, and candidates
    of its pages that it was not shown. Nothing has a position, for most of it had none."""
    visits, items = logged.visits, logged.origin["item_id"].to_numpy()
    quotas = _negatives_of(visits)
    parts = []
    for place in np.flatnonzero(visits.has_positive):
        rows = np.arange(visits.starts[place], visits.starts[place] + visits.visit_sizes[place])
        rng = _draws(seed, visits.served_s[rows])
        chosen = rows[visits.labels[rows] == POSITIVE]
        left = rows[visits.labels[rows] != POSITIVE]
        left = rng.choice(left, round(viewed * quotas[place]), replace=False)
        pages = np.unique(visits.served_s[rows])
        found = _unshown_of(pages, of_page, shown=items[rows])
        ids, features, page = found
        drawn = rng.choice(len(ids), min(quotas[place] - len(left), len(ids)), replace=False)
        if not len(drawn) + len(left):
            continue
        first = rows[np.searchsorted(visits.served_s[rows], pages)[page[drawn]]]  # a row of the same page
        kept = np.concatenate([chosen, left, first])
        parts.append(
            Visits(
                features=np.concatenate([visits.features[chosen], visits.features[left], features[drawn]]),
                visit_ids=visits.visit_ids[place : place + 1],
                visit_sizes=np.array([len(kept)]),
                labels=np.where(np.arange(len(kept)) < len(chosen), POSITIVE, ASSUMED_NEGATIVE).astype(np.int8),
                gains=np.where(np.arange(len(kept)) < len(chosen), visits.gains[kept], 0).astype(np.int16),
                positions=np.full(len(kept), NONE, np.int32),
                columns=visits.columns[kept],
                served_s=visits.served_s[kept],
                known_until_s=visits.known_until_s[kept],
                trained_until_s=visits.trained_until_s[kept],
                cold=np.concatenate(
                    [
                        visits.cold[chosen],
                        visits.cold[left],
                        first_chosen_s(ids[drawn]) >= visits.trained_until_s[first],
                    ]
                ),
            )
        )
    return join_visits(parts)


def take_rows(visits: Visits, kept: np.ndarray) -> Visits:
    """Some rows, (rows,) bool; visits that lose all of theirs are gone. Raises NothingToLearn where all do."""
    sizes = np.bincount(visits.visit_of_row, kept, visits.num_visits).astype(np.int64)
    if not sizes.any():
        raise NothingToLearn("No row is left.")
    of_visit = {"visit_ids": visits.visit_ids[sizes > 0], "visit_sizes": sizes[sizes > 0]}
    of_row = {field.name: getattr(visits, field.name)[kept] for field in fields(Visits) if field.name not in of_visit}
    return Visits(**of_row, **of_visit)


def _draws(seed: int, served_s: np.ndarray) -> np.random.Generator:
    """Of one visit, by the moment of its first page: ids of visits are other ones in every run."""
    return np.random.default_rng([seed, round(float(served_s.min()) * 1e6)])


def _negatives_of(visits: Visits) -> np.ndarray:
    """(num_visits,) int64."""
    is_negative = np.isin(visits.labels, (NEGATIVE, DISMISSED))
    return np.bincount(visits.visit_of_row, is_negative, visits.num_visits).astype(np.int64)


def _unshown_of(
    pages: np.ndarray, of_page: Mapping[int, tuple[np.ndarray, np.ndarray]], *, shown: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Item ids (m,), features (m, columns) and the number of the page (m,) of what the visit was not shown, each once.
    pages: (p,) float64 seconds since 1970 UTC."""
    found = [(number, *of_page[at]) for number, at in enumerate(_us(pages)) if at in of_page]
    if not found:
        return np.empty(0, np.int64), np.empty((0, len(FEATURE_SET)), np.float32), np.empty(0, np.int64)
    ids = np.concatenate([ids for _, ids, _ in found])
    features = np.concatenate([features for _, _, features in found])
    page = np.concatenate([np.full(len(ids), number) for number, ids, _ in found])
    _, first = np.unique(ids, return_index=True)
    first = first[~np.isin(ids[first], shown)]
    return ids[first], features[first], page[first]


def _us(pages: np.ndarray) -> list[int]:
    return [round(moment * 1e6) for moment in pages.tolist()]
