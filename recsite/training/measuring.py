"""A candidate, the live release and older ones on one later window, paired by reader: what the gate looks at."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from ranking.artefact import RankerArtefact
from ranking.order import RetrievalOrder
from recsite.funnel.sources import FEATURE_SET
from recsite.training.asking import FunnelAt, FunnelInTime, asked, of_drawn_readers
from recsite.training.evaluation import (
    ALL,
    FEED,
    FUNNEL,
    POPULARITY,
    UNPROMPTED,
    Measured,
    NothingToMeasure,
    compare,
    measure,
)
from recsite.training.gate import Difference, Learned, Shape, Window
from recsite.training.impressions import LoggedVisits, VisitsMeasured, measure_on_visits
from recsite.training.lessons import Lesson, scored_by
from recsite.training.shapes import measure_shape
from recsite.training.windows import WindowKind
from retrieval.stage import RetrievalStage

CANDIDATE = "candidate"
TIMED = 200
TRIES = 3
"""So many questions are timed, each so often."""


@dataclass(frozen=True, eq=False)
class Contender:
    """name: such as "candidate", "live", "30 days ago".
    sha256: of its retriever's files, where a release has them, so that the log has its scores; else ""."""

    name: str
    stage: RetrievalStage
    ranker: RankerArtefact
    sha256: str = ""


class Measuring:
    """One window, and everybody who is measured on it. Made once a round, so that all have the same catalogues."""

    def __init__(self, lesson: Lesson, *, most: int, least_readers: int) -> None:
        """most: see `evaluation.measure`.

        In a recent window orders are judged by viewed visits, where at least `least_readers` readers chose something in
        them; else by what funnels would have answered.
        """
        self.windows, self._catalogues, self._most = lesson.windows, lesson.catalogues, most
        self._lesson = lesson
        self._items = len(lesson.history.items)
        self.positives = lesson.history.between(lesson.windows.t2, lesson.windows.t3)
        self._lately = lesson.history.between(lesson.windows.t1, lesson.windows.t2)
        self._learned = lesson.history.interactions(lesson.windows.t2)
        suffice = lesson.windows.kind is WindowKind.RECENT and _readers(lesson.later) >= least_readers
        self._logged = lesson.later if suffice else None

    @property
    def order_of(self) -> str:
        """What orders are judged by, in words."""
        return "viewed visits" if self._logged is not None else "the funnel's answers"

    def funnel_at(self, one: Contender) -> FunnelAt:
        return FunnelInTime(one.stage, one.ranker, self._catalogues)

    def window(self) -> Window:
        windows = self.windows
        return Window(
            since=windows.t2,
            until=windows.t3,
            readers=windows.readers,
            positives=windows.positives,
            unprompted=int(np.count_nonzero(self.positives["unprompted"].to_numpy())),
            of_history=windows.kind is WindowKind.HISTORY,
        )

    def learned(self) -> Learned:
        """By whatever is trained until the window begins."""
        known = self._learned
        return Learned(len(known), len(np.unique(known.reader_ids)), self._items)

    def learned_by_weight(self) -> dict[str, int]:
        """Its positives by their weight, which tells their kind (`feedback.kinds.WEIGHTS`)."""
        weights, counts = np.unique(self._learned.weights, return_counts=True)
        return {f"{weight:g}": int(count) for weight, count in zip(weights, counts, strict=True)}

    def measured(self, contenders: list[Contender]) -> Results:
        """Raises `NothingToMeasure`."""
        funnels = {
            one.name: measure(
                self.funnel_at(one),
                self.positives,
                learned=self._learned,
                most=self._most,
            )
            for one in contenders
        }
        shapes = {one.name: measure_shape(self.funnel_at(one), self._lately, self.windows.t2) for one in contenders}
        visits = None
        if self._logged is not None:
            orders = {one.name: one.ranker.order for one in contenders}
            orders[POPULARITY] = RetrievalOrder(FEATURE_SET, "popular")
            judged = self._logged.take(self._logged.visits.has_positive).drawn(self._most)
            visits = measure_on_visits(orders, judged, rescored=self._rescored(contenders, judged))
        return Results(funnels, shapes, visits)

    def _rescored(self, contenders: list[Contender], judged: LoggedVisits) -> dict[str, LoggedVisits]:
        """The visits as each would have scored them: a pair is measured as a pair."""
        return {one.name: scored_by(one.stage, judged, self._lesson, sha256=one.sha256) for one in contenders}

    def latency_p99_ms(self, one: Contender) -> float:
        """Of sources, features and scores together, in this process. Raises `NothingToMeasure`.

        Each question counts with the fastest of its tries: what a neighbour on the machine took is no fault of a pair.
        """
        funnel_at = self.funnel_at(one)
        took_s = []
        for question in asked(of_drawn_readers(self.positives, TIMED, seed=0)):
            funnel = funnel_at(question.at_s)
            took_s.append(fastest_s(partial(funnel.ranked, question.query)))
        if not took_s:
            raise NothingToMeasure("There is no question whose answer could be timed.")
        return float(np.quantile(took_s, 0.99)) * 1_000


@dataclass(frozen=True, eq=False)
class Results:
    """funnels, shapes: by name.  visits: where orders are judged by viewed visits."""

    funnels: dict[str, Measured]
    shapes: dict[str, Shape]
    visits: VisitsMeasured | None

    def order(self, ours: str, theirs: str) -> Difference:
        return compare(self._order(ours), self._order(theirs))

    def to_popularity(self, name: str) -> Difference:
        if self.visits is not None:
            return self.order(name, POPULARITY)
        mine = self.funnels[name].ndcg_at_10
        return compare(mine[FUNNEL], mine[POPULARITY])

    def retrieval(self, ours: str, theirs: str, *, fed: bool = False) -> Difference | None:
        """Of recall of what the feed did not cause, or of what it did; None where nobody chose such."""
        name = FEED if fed else UNPROMPTED
        mine, others = self.funnels[ours].recall_at_100[name], self.funnels[theirs].recall_at_100[name]
        if np.isnan(mine).all():
            return None
        return compare(mine, others)

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            name: found.as_json() | asdict(self.shapes[name]) for name, found in self.funnels.items()
        }
        if self.visits is not None:
            means = {name: float(np.nanmean(values)) for name, values in self.visits.ndcg_at_10.items()}
            said["viewed visits"] = {"visits": self.visits.visits, "readers": len(self.visits.reader_keys), **means}
        return said

    def lines(self) -> list[str]:
        """For the log: NDCG@10 and recall@100, in percent."""
        lines = []
        for name, found in self.funnels.items():
            orders = ", ".join(f"{order} {_percent(values)}" for order, values in found.ndcg_at_10.items())
            recall = _percent(found.recall_at_100[ALL])
            lines.append(f"  {name}: NDCG@10 {orders}; recall@100 {recall}; {len(found.reader_ids)} readers")
        if self.visits is not None:
            orders = ", ".join(f"{order} {_percent(values)}" for order, values in self.visits.ndcg_at_10.items())
            lines.append(f"  {self.visits.visits} viewed visits: NDCG@10 {orders}")
        return lines

    def _order(self, name: str) -> np.ndarray:
        return self.funnels[name].ndcg_at_10[FUNNEL] if self.visits is None else self.visits.ndcg_at_10[name]


def _readers(logged: LoggedVisits | None) -> int:
    return 0 if logged is None else len(np.unique(logged.reader_keys[logged.visits.has_positive]))


def _percent(values: np.ndarray) -> str:
    return f"{100 * float(np.nanmean(values)):.1f}%"


def fastest_s(act: Callable[[], object], tries: int = TRIES) -> float:
    """Seconds that `act` takes when nothing is in its way."""
    took_s = []
    for _ in range(tries):
        began_s = time.perf_counter()
        act()
        took_s.append(time.perf_counter() - began_s)
    return min(took_s)
