"""Whether an order's scores can be told as chances of a click, round by round. Needs Django to be set up.

Arms have no click model: what a visit without a click teaches is part of no arm's question. So a day's scores become
chances by Platt's correction, fitted on the cards that were viewed in the first half of the day's pages, and are judged
on those of the second half.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from feedback.kinds import Kind
from feedback.models import Interaction, Slate, View
from feedback.surfaces import Surface
from feedback.uuid7 import first_uuid7
from ranking.calibration import Platt, calibration_ratio, fit_platt, normalised_entropy, reliability


def calibration_of_day(*, since: datetime, until: datetime) -> dict[str, float | None]:
    """Of the home feed in [since, until); None for what cannot be told: where nobody clicked.

    click_entropy: log loss over that of always telling the click rate; below 1 the scores know more than that.
    calibration_ratio: clicks told over clicks that came.  calibration_error: mean distance of the two, in ten bins of
    as many cards.
    """
    ids = {"id__gte": first_uuid7(since), "id__lt": first_uuid7(until)}
    slates = Slate.objects.filter(**ids, surface=Surface.HOME).order_by("pk")
    pages = list(slates.values_list("pk", "first_position", "scores"))
    inside = {"slate_id__in": [pk for pk, *_ in pages]}
    viewed = set(View.objects.filter(**inside).values_list("slate_id", "position"))
    clicks = set(Interaction.objects.filter(**inside, kind=Kind.CLICK).values_list("slate_id", "position"))
    halves: tuple[list[tuple[float, bool]], ...] = ([], [])
    for place, (pk, first, scores) in enumerate(pages):
        half = halves[place >= len(pages) / 2]
        for slot, score in enumerate(scores):
            card = (pk, first + slot)
            if score is not None and card in viewed:
                half.append((score, card in clicks))
    return _judged(*(np.array(half, float).reshape(-1, 2) for half in halves))


def _judged(earlier: np.ndarray, later: np.ndarray) -> dict[str, float | None]:
    """earlier, later: (n, 2) of score and whether it was clicked. Scores in units of their spread, from which Newton's
    method starts well."""
    clicked = later[:, 1] > 0
    if not (earlier[:, 1].any() and clicked.any()):
        return dict.fromkeys(("click_entropy", "calibration_ratio", "calibration_error"))
    scale = earlier[:, 0].std() or 1.0
    platt = fit_platt(earlier[:, 0] / scale, earlier[:, 1] > 0)
    # Where higher scores were clicked no more often than lower ones, no slope is given: the rate is all that they tell.
    told = platt.probabilities(later[:, 0] / scale) if platt != Platt() else np.full(len(later), earlier[:, 1].mean())
    bins = reliability(told, clicked)
    distances = [abs(one["predicted"] - one["clicked"]) for one in bins]
    entropy = normalised_entropy(told, clicked)
    return {
        "click_entropy": None if np.isnan(entropy) else entropy,
        "calibration_ratio": calibration_ratio(told, clicked),
        "calibration_error": float(np.average(distances, weights=[one["rows"] for one in bins])),
    }
