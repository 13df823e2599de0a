"""What the site's gate says of an arm's releases, beside what is true of them; and an arm that heeds it. Needs Django
to be set up.

Recorded of every day from the second on: the release that served it against the one that had served the day before,
on that day's log, which neither has learned from. Nothing that an arm serves or learns depends on it. A site judges a
candidate on visits that the live release served; here the newer one has served them, and what it put first was seen.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.loop_arms import Arm
from benchmarks.loop_measures import TruthOfSite, utility_of_page
from benchmarks.loop_sources import ArmFunnel, Unshown
from benchmarks.loop_sources import First as FirstOf
from benchmarks.loop_training import Learned as LearnedByArm
from benchmarks.loop_training import go_live, train_order, train_towers
from catalog.models import Reader
from ranking.order import RetrievalOrder
from recsite.funnel.funnel import Funnel
from recsite.models import Release
from recsite.releases.loading import load_release
from recsite.releases.store import store
from recsite.training.asking import FunnelAt, ask, of_drawn_moments
from recsite.training.evaluation import NothingToMeasure
from recsite.training.examples import History, read_history
from recsite.training.gate import Change, Comparison, Learned, Limits, Live, Outcome, Verdict, judge
from recsite.training.lessons import read_lesson
from recsite.training.measuring import CANDIDATE, Contender, Measuring
from recsite.training.windows import WindowKind, Windows
from simulation.readers import SimulatedReader

LIVE = "live"
QUESTIONS = 150
"""Moments of the day at which both are asked, and visits on which their orders are judged."""
LIMITS = Limits(readers=50, positives=200, unprompted=10, between_rerankers=timedelta())
"""Of a site with 300 readers, of whom some 200 come in a day; what may be lost is as everywhere."""


def gate_of_day(
    truth: TruthOfSite,
    reader_of: Mapping[uuid.UUID, SimulatedReader],
    *,
    day: int,
    since: datetime,
    until: datetime,
) -> dict[str, Any]:
    """Plain JSON values; none where the files of one of the two are not there, or nothing can be measured.

    gate_promotes: 1 or 0; None for undecided.  gate_difference, gate_lower: of the order's NDCG@10, relative, with the
    lower end of its 95% interval.  true_change: relative, of the true utility of the first ten items that the two would
    have shown at the same moments.  gate_says: in words.
    """
    pair = _served(since)
    if pair is None:
        return {}
    history = read_history(now=until)
    try:
        return _compared(*pair, history, truth, reader_of, day=day, since=since, until=until)
    except NothingToMeasure as nothing:
        return {"gate_says": str(nothing)}


def learn_behind_gate(
    arm: Arm,
    *,
    seed: int,
    number: int,
    since: datetime,
    day_began: datetime,
    now: datetime,
    folder: Path,
    unshown: Unshown,
) -> LearnedByArm:
    """One training on what happened until `day_began`. It goes live if the gate promotes it on the day that followed;
    else the live release stays. Otherwise as `benchmarks.loop_training.learn`."""
    history = read_history(now=now)
    fitted = train_towers(arm, history, day_began, number=number, seed=seed)
    ranker = train_order(arm, history, unshown, seed=seed, since=since, now=day_began)
    live = Release.objects.get(state=Release.State.LIVE)
    candidate = Contender(CANDIDATE, fitted.ready(), ranker)
    verdict = _verdict(history, candidate, live, since=day_began, until=now)
    is_promoted = verdict is not None and verdict.outcome == Outcome.PROMOTE
    release = go_live(fitted, ranker, number=number, now=now, folder=folder) if is_promoted else live
    report = {
        "positives": len(history.before(day_began)),
        "reranked": not isinstance(ranker.order, RetrievalOrder),
        "promoted": is_promoted,
        "candidate_says": "Nothing could be measured." if verdict is None else verdict.why,
    }
    return LearnedByArm(release, report)


def _verdict(
    history: History, candidate: Contender, live: Release, *, since: datetime, until: datetime
) -> Verdict | None:
    learned = _learned(history, live.retriever_until)
    try:
        measuring = ArmMeasuring(history, since=since, until=until)
        return judged(measuring, candidate, _contender(LIVE, live), older_learned=learned)[0]
    except NothingToMeasure:
        return None


def _served(since: datetime) -> tuple[Release, Release] | None:
    """The release that was live at a moment, and the one before it."""
    names = set(store().names())
    known = Release.objects.filter(live_since__lte=since).order_by("-live_since", "-pk")[:2]
    there = [release for release in known if {release.retriever, release.ranker} <= names]
    return (there[0], there[1]) if len(there) == 2 else None


def _compared(
    newer: Release,
    older: Release,
    history: History,
    truth: TruthOfSite,
    reader_of: Mapping[uuid.UUID, SimulatedReader],
    *,
    day: int,
    since: datetime,
    until: datetime,
) -> dict[str, Any]:
    measuring = ArmMeasuring(history, since=since, until=until)
    candidate, live = _contender(CANDIDATE, newer), _contender(LIVE, older)
    verdict, found = judged(measuring, candidate, live, older_learned=_learned(history, older.retriever_until))
    people = _people(reader_of)
    changes = [_true_utility(measuring.funnel_at(one), measuring, truth, people, day=day) for one in (candidate, live)]
    return {
        "gate_promotes": {Outcome.PROMOTE: 1.0, Outcome.REFUSE: 0.0}.get(verdict.outcome),
        "gate_difference": found.relative,
        "gate_lower": found.lower,
        "true_change": changes[0] / changes[1] - 1 if changes[1] else None,
        "gate_says": verdict.why,
    }


class ArmMeasuring(Measuring):
    """The gate's measuring of one day, with funnels that ask what an arm asks: the first of the towers' candidates."""

    def __init__(self, history: History, *, since: datetime, until: datetime) -> None:
        lesson = read_lesson(history, _windows(history, since, until), logged_since=since)
        super().__init__(lesson, most=QUESTIONS, least_readers=LIMITS.readers)

    def funnel_at(self, one: Contender) -> FunnelAt:
        return _ArmInTime(super().funnel_at(one))


class _ArmInTime:
    def __init__(self, plain: FunnelAt) -> None:
        self._plain = plain
        self._of: Funnel | None = None
        self._funnel: ArmFunnel | None = None

    def __call__(self, at_s: float) -> ArmFunnel:
        plain = self._plain(at_s)
        if self._funnel is None or plain is not self._of:
            asks = (FirstOf(plain.stage.retriever),)
            self._of = plain
            self._funnel = ArmFunnel(plain.stage, plain.ranker, plain.catalogue, plain.prepared, asks=asks)
        return self._funnel


def judged(
    measuring: Measuring, candidate: Contender, live: Contender, *, older_learned: Learned
) -> tuple[Verdict, Any]:
    """The verdict, and the difference of orders that it goes by. Raises `NothingToMeasure`.

    Time, size and parity with serving are of a machine and of code, not of what an arm has learned: they always pass.
    """
    results = measuring.measured([candidate, live])
    windows = measuring.windows
    order = results.order(CANDIDATE, LIVE)
    comparison = Comparison(
        change=Change.ROUTINE,
        now=windows.t3,
        trained_until=candidate.stage.trained_until,
        window=measuring.window(),
        to_popularity=results.to_popularity(CANDIDATE),
        shape=results.shapes[CANDIDATE],
        learned=measuring.learned(),
        latency_p99_ms=0.0,
        size_mib=0.0,
        live=Live(
            trained_until=live.stage.trained_until,
            order=order,
            shape=results.shapes[LIVE],
            learned=older_learned,
            retrieval=results.retrieval(CANDIDATE, LIVE),
            feed=results.retrieval(CANDIDATE, LIVE, fed=True),
        ),
    )
    return judge(comparison, LIMITS), order


def _windows(history: History, since: datetime, until: datetime) -> Windows:
    known, inside = history.before(since), history.between(since, until)
    back = np.intersect1d(known["reader_id"].to_numpy(), inside["reader_id"].to_numpy())
    return Windows(since, since, until, WindowKind.RECENT, len(back), len(inside), 0, len(known))


def _contender(name: str, release: Release) -> Contender:
    loaded = load_release(release)
    return Contender(name, loaded.stage, loaded.ranker, release.retriever_sha256)


def _learned(history: History, until: datetime) -> Learned:
    known = history.interactions(until)
    return Learned(len(known), len(np.unique(known.reader_ids)), len(history.items))


def _people(reader_of: Mapping[uuid.UUID, SimulatedReader]) -> dict[int, SimulatedReader]:
    """By the keys of their rows."""
    rows = Reader.objects.filter(public_id__in=reader_of).values_list("pk", "public_id")
    return {pk: reader_of[public_id] for pk, public_id in rows}


def _true_utility(
    funnel_at: FunnelAt,
    measuring: Measuring,
    truth: TruthOfSite,
    people: Mapping[int, SimulatedReader],
    *,
    day: int,
) -> float:
    """Mean over the gate's questions. Raises `NothingToMeasure`."""
    values = []
    for one, _, ranked in ask(funnel_at, of_drawn_moments(measuring.positives, QUESTIONS, seed=0)):
        reader = people.get(one.reader_id)
        if reader is not None:
            values.append(utility_of_page(truth.utilities(reader, day), truth.rows(ranked.item_ids())))
    if not values:
        raise NothingToMeasure("Nobody asked anything on that day.")
    return float(np.mean(values))
