"""Training one pair: stage one on what happened before a moment, a ranker on what came after. torch inside."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.conf import settings

from ranking.artefact import RankerArtefact
from ranking.order import RetrievalOrder
from ranking.train import split_in_time
from ranking.visits import NothingToLearn
from recsite.training.asking import FunnelInTime
from recsite.training.bootstrap import bootstrap_ranker, fusion_ranker
from recsite.training.configs import amounts, goes_on, going_on, ranker_config, retriever_config
from recsite.training.evaluation import compare
from recsite.training.examples import History
from recsite.training.impressions import LoggedVisits, measure_on_visits, train_on_impressions
from recsite.training.lessons import Lesson
from retrieval.stage import FittedStage, RetrievalStage
from retrieval.stage_training import fit_stage
from retrieval.train import EpochDone, StepDone

Say = Callable[[str], None]

_JUDGED_SHARE = 0.2
"""Of the visits, the latest: on those a ranker of impressions must beat the bootstrap before it takes over."""


def configs(size: str) -> dict[str, Any]:
    """What tells a changed config from the same, as plain JSON values: it does not depend on the data."""
    chosen = {
        "size": size,
        "goes_on": goes_on(size),
        "retriever": asdict(retriever_config(size, popularity_prior=settings.POPULARITY_PRIOR)),
        "bootstrap": asdict(ranker_config(size, bootstrap=True)),
        "ranker": asdict(ranker_config(size, bootstrap=False)),
    }
    plain: dict[str, Any] = json.loads(json.dumps(chosen))
    return plain


def train_stage(
    history: History,
    until: datetime,
    size: str,
    say: Say,
    *,
    shadow: FittedStage | None = None,
    on_step: Callable[[StepDone], None] = lambda done: None,
) -> FittedStage:
    """On everything before `until`. shadow: one that learned until a little earlier, where this may go on from it."""

    def tell(done: EpochDone) -> None:
        say(f"  epoch {done.epoch} of {done.epochs}: loss {done.loss:.3f}, {done.rows:,} rows")

    known = history.before(until)
    config = retriever_config(
        size,
        popularity_prior=settings.POPULARITY_PRIOR,
        reader_ids=known["reader_id"].to_numpy(),
        weights=known["weight"].to_numpy(),
    )
    begin = None
    if shadow is not None and goes_on(size):
        config, begin = going_on(config, size), shadow.artefact
    return fit_stage(
        history.tables(until),
        history.items,
        history.interactions(until),
        config,
        until=until,
        warm_start=begin,
        on_epoch=tell,
        on_step=on_step,
    )


def train_bootstrap(lesson: Lesson, shadow: RetrievalStage, size: str) -> RankerArtefact:
    """From label events between the end of the shadow's training and the window of the gate."""
    history, until = lesson.history, lesson.windows.t2
    return bootstrap_ranker(
        FunnelInTime(shadow, fusion_ranker("It asks a shadow for candidates."), lesson.catalogues),
        history.between(shadow.trained_until, until),
        ranker_config(size, bootstrap=True),
        trained_until=shadow.trained_until,
        until=until,
        first_chosen_s=history.first_chosen_s,
        most=amounts(size).labels,
    )


def train_ranker_of_visits(
    logged: LoggedVisits, bootstrap: RankerArtefact | None, *, since: datetime, until: datetime, size: str, say: Say
) -> RankerArtefact | None:
    """A ranker of impressions, once it beats the bootstrap on the latest of them; else None."""
    config = ranker_config(size, bootstrap=False)
    try:
        if bootstrap is not None:
            is_earlier, is_later = split_in_time(logged.visits, _JUDGED_SHARE)
            trial = train_on_impressions(logged.take(is_earlier), config, since=since, until=until)
            orders = {"impressions": trial.order, "bootstrap": bootstrap.order}
            found = measure_on_visits(orders, logged.take(is_later)).ndcg_at_10
            lead = compare(found["impressions"], found["bootstrap"])
            say(f"Impressions against label events, on the latest visits: {lead}.")
            if lead.lower <= 0:
                return None
        return train_on_impressions(logged, config, since=since, until=until)
    except NothingToLearn as nothing:
        say(f"Nothing to learn from impressions: {nothing}")
        return None


def is_fusion(ranker: RankerArtefact) -> bool:
    """No reranking: nothing better was found."""
    return isinstance(ranker.order, RetrievalOrder)
