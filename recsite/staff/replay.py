"""What was recorded of a slate computed again: scores by its release's ranker, propensities by the policy's code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feedback.models import Slate, SlateDetail
from ranking.artefact import RankerArtefact
from ranking.feature import Feature
from ranking.propensity import Branch
from ranking.replay import replay_propensities
from ranking.slate import DrawnPool, SlateSlot
from recsite.funnel.sources import FEATURE_SET
from recsite.staff.loaded_releases import ReleaseUnavailable, ranker_of

CLOSE = 1e-5
"""Of 1, or of the value where that is larger: what rounding to float32 leaves."""


class NotRecorded(Exception):
    """The log does not hold what this needs. Its text is a sentence for whoever looks at the page."""


@dataclass(frozen=True)
class Replay:
    """values: computed again, one a slot, None where nothing was recorded to compare with.
    compared, different: slots.  largest: the largest difference.  why_not: a sentence, where it could not be computed.
    """

    values: tuple[float | None, ...] = ()
    compared: int = 0
    different: int = 0
    largest: float = 0.0
    why_not: str = ""

    @property
    def is_equal(self) -> bool:
        return not self.why_not and not self.different


@dataclass(frozen=True)
class FeatureOfSlot:
    """value: None where it was not known.  contribution: what it adds to the score; None where the ranker is gone."""

    feature: Feature
    value: float | None
    contribution: float | None


@dataclass(frozen=True)
class SlotFeatures:
    """rows: by size of contribution, the largest first; without contributions as they are declared.
    base: what stands there for any candidate; with all contributions it sums to the score.
    why_not: a sentence, where contributions could not be computed.
    """

    rows: tuple[FeatureOfSlot, ...]
    base: float | None = None
    why_not: str = ""


def replay_scores(slate: Slate, detail: SlateDetail | None) -> Replay:
    """From the recorded features, by the ranker of the slate's release."""
    try:
        features = recorded_features(slate, detail)
        ranker = _ranker_for(slate, detail)
    except (NotRecorded, ReleaseUnavailable) as missing:
        return Replay(why_not=str(missing))
    again = ranker.order.scores(features).astype(float).tolist()
    return _compared(slate.scores, again)


def replay_chances(slate: Slate, detail: SlateDetail | None) -> Replay:
    """Propensities, from the recorded pool and parameters. No release is needed."""
    try:
        again = replay_propensities(_slots(slate), _pool(slate, detail), slate.policy_parameters)
    except NotRecorded as missing:
        return Replay(why_not=str(missing))
    except (ValueError, KeyError, TypeError) as wrong:
        return Replay(why_not=f"What was recorded does not hold together: {wrong}")
    return _compared(slate.propensities, again)


def features_of_slot(slate: Slate, detail: SlateDetail | None, index: int) -> SlotFeatures:
    """index: of the slot within the slate, from 0.

    Raises NotRecorded where there are no features, or nobody knows any more what their columns mean.
    """
    row = recorded_features(slate, detail)[index : index + 1]
    try:
        ranker = _ranker_for(slate, detail)
    except (ReleaseUnavailable, NotRecorded) as gone:
        if detail is None or detail.feature_set != FEATURE_SET.id or row.shape[1] != len(FEATURE_SET):
            raise NotRecorded(f"{gone} What its columns mean is not known without it.") from gone
        pairs = zip(FEATURE_SET.features, row[0], strict=True)
        return SlotFeatures(
            tuple(FeatureOfSlot(feature, _known(value), None) for feature, value in pairs), why_not=str(gone)
        )
    parts = ranker.order.contributions(row)[0]
    judged = [
        FeatureOfSlot(feature, _known(value), float(part))
        for feature, value, part in zip(ranker.feature_set.features, row[0], parts[:-1], strict=True)
    ]
    judged.sort(key=lambda one: -abs(one.contribution or 0.0))
    return SlotFeatures(tuple(judged), float(parts[-1]))


def recorded_features(slate: Slate, detail: SlateDetail | None) -> np.ndarray:
    """(slots, columns) float32. Raises NotRecorded."""
    if detail is None or detail.features is None:
        raise NotRecorded("No features were recorded with this slate, or they were cleared away since.")
    values = np.frombuffer(bytes(detail.features), "<f4")
    if not slate.items or not len(values) or len(values) % len(slate.items):
        raise NotRecorded(f"The recorded features are no rows of {len(slate.items)} slots.")
    return values.reshape(len(slate.items), -1)


def _ranker_for(slate: Slate, detail: SlateDetail | None) -> RankerArtefact:
    if slate.release is None:
        raise NotRecorded("No release made this slate, so nothing scored it.")
    ranker = ranker_of(slate.release)
    found = detail.feature_set if detail else None
    if found != ranker.feature_set.id:
        raise NotRecorded(
            f"The features were recorded as set {found}, and release {slate.release} reads set {ranker.feature_set.id}."
        )
    return ranker


def _slots(slate: Slate) -> list[SlateSlot]:
    if Slate.Branch.FALLBACK in slate.branches:
        raise NotRecorded("Rules ordered this slate: nothing was drawn, so it has no propensities.")
    rows = zip(slate.items, slate.scores, slate.greedy_items, slate.propensities, slate.branches, strict=True)
    return [
        SlateSlot(item, score, greedy, propensity, Branch(branch)) for item, score, greedy, propensity, branch in rows
    ]


def _pool(slate: Slate, detail: SlateDetail | None) -> DrawnPool | None:
    """None where nothing was left to chance."""
    if not slate.policy_parameters.get("epsilon"):
        return None
    if detail is None or detail.pool_items is None:
        raise NotRecorded(
            f"The pool that its slots were drawn from was not kept: it is for {slate.detail_share:.0%} of slates."
        )
    return DrawnPool(
        tuple(detail.pool_items),
        tuple(detail.pool_scores or ()),
        tuple(tuple(keys) for keys in detail.pool_cap_keys or ()),
        detail.outside_size or 0,
        detail.outside_rule or "",
    )


def _compared(recorded: Sequence[float | None], again: Sequence[float | None]) -> Replay:
    pairs = [
        (then, now)
        for then, now in zip(recorded, again, strict=True)
        if then is not None  # pinned, or from outside: nothing was there to record
    ]
    differences = [np.inf if now is None else abs(now - then) / max(1.0, abs(then)) for then, now in pairs]
    return Replay(
        values=tuple(None if then is None else now for then, now in zip(recorded, again, strict=True)),
        compared=len(pairs),
        different=sum(difference > CLOSE for difference in differences),
        largest=float(max(differences, default=0.0)),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
