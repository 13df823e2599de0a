"""What one round of training learns from and is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from recsite.funnel.as_of import HistoryCatalogues
from recsite.models import Release
from recsite.training.examples import History
from recsite.training.impressions import LoggedVisits, visits_of_log
from recsite.training.shadow_rows import with_scores_of
from recsite.training.slate_questions import SlateQuestions
from recsite.training.windows import Windows
from retrieval.stage import RetrievalStage

CATALOGUE_DAYS = 40
"""Of so many days what was known of items is kept at a time, while everybody is measured on the same window."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """logged_since: visits of the log, that releases served, are known from then on.
    earlier: those over before the window of the gate.  later: those of the window.  None where there are none."""

    history: History
    windows: Windows
    catalogues: HistoryCatalogues
    logged_since: datetime
    earlier: LoggedVisits | None
    later: LoggedVisits | None

    @cached_property
    def questions(self) -> SlateQuestions:
        """Of slates up to the window's end."""
        return SlateQuestions.read(until=self.windows.t3)


def read_lesson(history: History, windows: Windows, *, logged_since: datetime) -> Lesson:
    catalogues = HistoryCatalogues(history.items, history.interactions(), most=CATALOGUE_DAYS)
    logged = _logged(history, logged_since, windows.t3)
    if logged is None:
        return Lesson(history, windows, catalogues, logged_since, None, None)
    boundary_s = windows.t2.timestamp()
    earlier = _part(logged, logged.visits.last_served_s < boundary_s)
    later = _part(logged, logged.visits.began_s >= boundary_s)
    return Lesson(history, windows, catalogues, logged_since, earlier, later)


def scored_by(stage: RetrievalStage, logged: LoggedVisits, lesson: Lesson, *, sha256: str = "") -> LoggedVisits:
    """See `with_scores_of`. sha256: of the stage's files, where a release has them: what that served has its scores."""
    own = set(Release.objects.filter(retriever_sha256=sha256).values_list("pk", flat=True)) if sha256 else set()
    catalogue = lesson.catalogues.at(lesson.windows.t2.timestamp())
    return with_scores_of(stage, logged, catalogue, lesson.questions, lesson.history.first_chosen_s, but=own)


def _logged(history: History, since: datetime, until: datetime) -> LoggedVisits | None:
    """Visits that any release served."""
    releases = dict(Release.objects.exclude(live_since=None).values_list("pk", "retriever_until"))
    if not releases:
        return None
    return visits_of_log(since=since, until=until, trained_until_of=releases, first_chosen_s=history.first_chosen_s)


def _part(logged: LoggedVisits, mask: np.ndarray) -> LoggedVisits | None:
    return logged.take(mask) if mask.any() else None
