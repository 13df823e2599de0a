"""A trained pair beside the release that it would replace: measured, and held against the gate's limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from feedback.models import Slate
from feedback.uuid7 import first_uuid7
from ranking.artefact import load as load_ranker
from recsite.models import Release
from recsite.releases.loading import ReleaseBroken, load_release
from recsite.releases.registry import LONG_AGO, release_live_at
from recsite.releases.store import ArtefactStore
from recsite.slates import PERSONALISATION_OFF
from recsite.training.evaluation import UNPROMPTED
from recsite.training.gate import Change, Comparison, Learned, Limits, Live, Verdict, judge
from recsite.training.measuring import CANDIDATE, Contender, Measuring, Results
from recsite.training.parity import Parity, compare_with_serving
from recsite.training.publishing import Stored, Written
from retrieval.stage import load_stage

LIVE, MONTH = "live", "30 days ago"
FALLBACK_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A pair whose files are written: what is measured is read from those, so it is what will be served."""

    retriever: Written | Stored
    ranker: Written
    contender: Contender
    size_mib: float

    @classmethod
    def written(cls, retriever: Written, ranker: Written) -> Candidate:
        contender = Contender(CANDIDATE, load_stage(retriever.folder), load_ranker(ranker.folder))
        return cls(retriever, ranker, contender, retriever.size_mib + ranker.size_mib)

    @classmethod
    def beside(cls, current: Incumbent, ranker: Written) -> Candidate:
        """With the retriever of the live release."""
        retriever = Stored(current.release.retriever, current.release.retriever_sha256)
        contender = Contender(
            CANDIDATE, current.contender.stage, load_ranker(ranker.folder), current.release.retriever_sha256
        )
        return cls(retriever, ranker, contender, current.retriever_mib + ranker.size_mib)

    @property
    def new_retriever(self) -> bool:
        return isinstance(self.retriever, Written)

    @property
    def trained_until(self) -> datetime:
        ranker_until = self.contender.ranker.until
        stage_until = self.contender.stage.trained_until
        return stage_until if ranker_until is None else max(stage_until, ranker_until)


@dataclass(frozen=True, eq=False)
class Incumbent:
    """The live release, loaded. month: the one that was live 30 days ago, where that is another.
    alarm: why the live release does not serve as it should, or ""."""

    release: Release
    contender: Contender
    retriever_mib: float
    month: Contender | None
    alarm: str


@dataclass(frozen=True, eq=False)
class Decision:
    verdict: Verdict
    results: Results
    report: dict[str, Any]


def incumbent(
    live: Release | None, files: ArtefactStore, now: datetime, say: Callable[[str], None]
) -> Incumbent | None:
    """None where none is live, or it cannot be loaded: then the candidate is judged like a first release."""
    if live is None:
        return None
    contender = _loaded(live, LIVE, say)
    if contender is None:
        return None
    folder = files.fetch(live.retriever, live.retriever_sha256)
    return Incumbent(
        live, contender, Written(live.retriever, folder).size_mib, _month(live, now, say), alarm_of(live, now)
    )


def _month(live: Release, now: datetime, say: Callable[[str], None]) -> Contender | None:
    old = release_live_at(now - LONG_AGO)
    return None if old is None or old == live else _loaded(old, MONTH, say)


def _loaded(release: Release, name: str, say: Callable[[str], None]) -> Contender | None:
    try:
        loaded = load_release(release)
    except ReleaseBroken as error:
        say(f"Release {release.pk} ({name}) cannot be loaded, so nothing is compared with it: {error}")
        return None
    return Contender(name, loaded.stage, loaded.ranker, release.retriever_sha256)


def alarm_of(live: Release, now: datetime) -> str:
    """In the last hour pages fell back, and none was served by the live release."""
    recent = Slate.objects.filter(
        id__gte=first_uuid7(now - FALLBACK_WINDOW), id__lt=first_uuid7(now + timedelta(milliseconds=1))
    )
    if recent.filter(release=live.pk).exists():
        return ""
    count = recent.exclude(fallback=None).exclude(fallback=PERSONALISATION_OFF).count()
    return f"In the last hour {count} pages were served by a fallback, and none by release {live.pk}." if count else ""


def decide(
    candidate: Candidate,
    current: Incumbent | None,
    measuring: Measuring,
    *,
    limits: Limits,
    now: datetime,
    same_config: bool,
    why_less_data: str = "",
) -> Decision:
    """Measure both, and the gate's verdict. Raises `NothingToMeasure`."""
    others = [] if current is None else [current.contender, *([current.month] if current.month else [])]
    results = measuring.measured([candidate.contender, *others])
    parity = compare_with_serving(measuring.funnel_at(candidate.contender), measuring.positives)
    learned, by_weight = measuring.learned(), measuring.learned_by_weight()
    if current is not None and not candidate.new_retriever:
        learned = _learned_by(current.release)
        by_weight = current.release.report.get("learned_by_weight", {})
    found = Comparison(
        change=_change(candidate, current, same_config=same_config),
        now=now,
        trained_until=candidate.trained_until,
        window=measuring.window(),
        to_popularity=results.to_popularity(CANDIDATE),
        shape=results.shapes[CANDIDATE],
        learned=learned,
        latency_p99_ms=measuring.latency_p99_ms(candidate.contender),
        size_mib=candidate.size_mib,
        live=None if current is None else _live(candidate, current, results),
        to_month=None if MONTH not in results.funnels else results.order(CANDIDATE, MONTH),
        served=parity.tried,
        served_differently=parity.different,
        why_less_data=why_less_data,
        new_retriever=candidate.new_retriever,
    )
    verdict = judge(found, limits)
    report = _report(candidate, measuring, results, found=found, parity=parity)
    return Decision(verdict, results, report | {"learned_by_weight": by_weight, "verdict": verdict.as_json()})


def _change(candidate: Candidate, current: Incumbent | None, *, same_config: bool) -> Change:
    if current is None:
        return Change.FIRST
    if not same_config:
        return Change.CONFIG
    return Change.ROUTINE if candidate.new_retriever else Change.RERANKER


def _live(candidate: Candidate, current: Incumbent, results: Results) -> Live:
    release, stage = current.release, current.contender.stage
    below = results.to_popularity(LIVE).relative
    alarm = current.alarm or (f"It is {-below:.1%} below popularity on this window." if below < 0 else "")
    return Live(
        trained_until=max(stage.trained_until, release.ranker_until or stage.trained_until),
        order=results.order(CANDIDATE, LIVE),
        shape=results.shapes[LIVE],
        learned=_learned_by(release),
        retrieval=results.retrieval(CANDIDATE, LIVE) if candidate.new_retriever else None,
        feed=results.retrieval(CANDIDATE, LIVE, fed=True) if candidate.new_retriever else None,
        promoted_at=release.live_since,
        alarm=alarm,
    )


def _learned_by(release: Release) -> Learned:
    """As its report says; nothing where that does not."""
    said = release.report.get("learned", {})
    return Learned(*(int(said.get(name, 0)) for name in ("positives", "readers", "items")))


def _report(
    candidate: Candidate, measuring: Measuring, results: Results, *, found: Comparison, parity: Parity
) -> dict[str, Any]:
    """Everything, as plain JSON values."""
    windows, stage = measuring.windows, candidate.contender.stage
    live = found.live
    differences = {"popularity": found.to_popularity, MONTH: found.to_month}
    if live is not None:
        differences |= {LIVE: live.order, f"retrieval {UNPROMPTED}": live.retrieval, "retrieval feed": live.feed}
    return {
        "change": str(found.change),
        "order judged by": measuring.order_of,
        "differences": {name: _interval(one) for name, one in differences.items() if one is not None},
        "measured": results.as_json(),
        "windows": {"t1": windows.t1.isoformat(), "t2": windows.t2.isoformat(), "t3": windows.t3.isoformat()}
        | {"kind": str(windows.kind), "readers": windows.readers, "positives": windows.positives}
        | {"unprompted": found.window.unprompted, "labels": windows.labels},
        "learned": {name: getattr(found.learned, name) for name in ("positives", "readers", "items")},
        "served": {"tried": parity.tried, "different": parity.different, "examples": list(parity.examples)},
        "latency_p99_ms": round(found.latency_p99_ms, 2),
        "size_mib": round(found.size_mib, 2),
        "staleness_h": round((found.now - stage.trained_until).total_seconds() / 3600, 2),
        "alarm": "" if live is None else live.alarm,
        "retriever": dict(stage.metrics),
        "ranker": candidate.contender.ranker.report,
    }


def _interval(one: Any) -> dict[str, float | None]:
    finite = {name: getattr(one, name) for name in ("relative", "lower", "upper")}
    return {name: value if abs(value) < float("inf") else None for name, value in finite.items()}
