"""Retraining: read the log, train a pair, measure it beside the live one, and let the gate decide.

Three windows in time (`recsite.training.windows`): a shadow of retrieval learns until T1, the ranker from what was
chosen in [T1, T2) among the shadow's candidates, the released retrieval until T2, and the gate measures on [T2, T3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Coalesce
from threadpoolctl import threadpool_limits

from feedback.models import Interaction
from ranking.artefact import RankerArtefact
from recsite.models import Release, TrainingRun
from recsite.releases.registry import live_release, promote, refuse
from recsite.releases.store import ArtefactStore, store
from recsite.training import pair
from recsite.training.candidates import Candidate, Decision, Incumbent, decide, incumbent
from recsite.training.configs import amounts
from recsite.training.evaluation import NothingToMeasure
from recsite.training.examples import History, read_history
from recsite.training.gate import Limits, Outcome
from recsite.training.lessons import Lesson, read_lesson, scored_by
from recsite.training.measuring import Measuring
from recsite.training.publishing import clear_up, publish, write_ranker, write_stage
from recsite.training.runs import Run, training_run
from recsite.training.windows import GateNeeds, NoWindows, Windows, choose_windows
from retrieval.stage import RetrievalStage
from retrieval.train import StepDone
from retrieval.training_errors import TrainingError

Kind, State = TrainingRun.Kind, TrainingRun.State


class AnotherWentLive(Exception):
    """A candidate was measured against a release that is live no more."""


@dataclass(frozen=True)
class Round:
    """What came of it. succeeded: something went live (or would have), or there was nothing new."""

    state: TrainingRun.State
    text: str
    release: Release | None = None
    decision: Decision | None = None

    @property
    def succeeded(self) -> bool:
        return self.state in {State.PROMOTED, State.SKIPPED}


@dataclass(frozen=True)
class Assignment:
    """What was asked for. now: nothing that the site learned later is used."""

    now: datetime
    by: str
    size: str
    dry_run: bool = False
    why_less_data: str = ""

    @property
    def limits(self) -> Limits:
        positives = settings.GATE_POSITIVES
        wait = timedelta(minutes=settings.GATE_RERANKER_WAIT_MIN)
        return Limits(
            readers=settings.GATE_READERS,
            positives=positives,
            unprompted=positives // 10,
            between_rerankers=wait,
            **settings.GATE_LIMITS,
        )


def retrain(
    kind: str,
    *,
    now: datetime,
    by: str,
    dry_run: bool = False,
    size: str | None = None,
    why_less_data: str = "",
    echo: Callable[[str], None] = lambda text: None,
    on_step: Callable[[StepDone], None] = lambda done: None,
) -> Round:
    """Train a "retriever" with its ranker, a "reranker" beside the live retriever, or "all": the second too where the
    first promoted nothing.

    A candidate is stored with its report before it is promoted or refused; one that the gate leaves undecided stays a
    candidate. Raises `AlreadyTraining`, ValueError for another kind, and whatever a training raises, after its row says
    so.
    """
    task = Assignment(now, by, size or settings.TRAINING_SIZE, dry_run, why_less_data)
    if kind == "all":
        first = _round(Kind.RETRIEVER, task, echo, on_step)
        if first.state == State.PROMOTED or live_release() is None:
            return first
        second = _round(Kind.RERANKER, task, echo, on_step)
        text = f"Retriever: {first.text}\nReranker: {second.text}"
        return Round(second.state if first.succeeded else first.state, text, second.release, second.decision)
    return _round(Kind(kind), task, echo, on_step)


def _round(
    kind: TrainingRun.Kind, task: Assignment, echo: Callable[[str], None], on_step: Callable[[StepDone], None]
) -> Round:
    with (
        training_run(kind, now=task.now, scratch=settings.VAR_DIR / "training", echo=echo) as run,
        threadpool_limits(settings.TRAINING_THREADS),
    ):
        result = _Training(kind, task, run, store(), on_step).result()
        run.finish(result.state, result.text, result.release)
    return result


class _Training:
    """One round, under its lock."""

    def __init__(
        self,
        kind: TrainingRun.Kind,
        task: Assignment,
        run: Run,
        files: ArtefactStore,
        on_step: Callable[[StepDone], None],
    ) -> None:
        self._kind, self._task, self._run, self._files, self._on_step = kind, task, run, files, on_step
        self._live = live_release()

    def result(self) -> Round:
        for name in clear_up(self._files):
            self._run.say(f"Removed {name}, which a training that died had left.")
        try:
            return self._trained()
        except (NothingToMeasure, TrainingError) as error:
            return Round(State.NOT_PROMOTED, str(error))

    def _trained(self) -> Round:
        nothing = self._nothing_to_do()
        if nothing:
            return Round(State.SKIPPED, nothing)
        history = read_history(now=self._task.now)
        self._run.say(f"{len(history.positives):,} positives and {len(history.items):,} items are known.")
        windows = self._windows(history)
        if isinstance(windows, NoWindows):
            return Round(State.NOT_PROMOTED if len(history.positives) else State.SKIPPED, windows.why)
        self._run.say(_told(windows))
        lesson = read_lesson(
            history, windows, logged_since=self._task.now - timedelta(days=settings.DETAIL_RETENTION_DAYS)
        )
        current = incumbent(self._live, self._files, self._task.now, self._run.say)
        learned = self._pair(lesson) if self._kind == Kind.RETRIEVER else self._ranker(lesson, current)
        if isinstance(learned, Round):
            return learned
        return self._conclude(learned, self._decide(lesson, learned, current), windows)

    # --- before training ---

    def _nothing_to_do(self) -> str:
        """Why nothing is to be trained, or ""."""
        if self._kind == Kind.RERANKER and self._live is None:
            return "No release is live, so there is no retriever to train a ranker for: train the retriever first."
        last = (
            # One of what is the future now, by a clock that was set back since, says nothing of what is new.
            TrainingRun.objects.filter(kind=self._kind, state__in=[State.PROMOTED, State.NOT_PROMOTED])
            .filter(started_at__lte=self._task.now)
            .select_related("release")
            .first()
        )
        if self._live is None or last is None:
            return ""
        is_changed = last.release is not None and last.release.config != pair.configs(self._task.size)
        if is_changed or _anything_since(last.started_at, self._task.now):
            return ""
        return f"Nothing new to learn from since {last.started_at:%Y-%m-%d %H:%M}."

    def _windows(self, history: History) -> Windows | NoWindows:
        events = history.events
        limits = self._task.limits
        return choose_windows(
            events.interactions.times_s,
            events.interactions.reader_ids,
            events.imported,
            now=self._task.now,
            needs=GateNeeds(limits.readers, limits.positives),
            not_before=None if self._live is None else _trained_until(self._live),
        )

    # --- training ---

    def _pair(self, lesson: Lesson) -> Candidate:
        size, run, windows = self._task.size, self._run, lesson.windows
        run.say(f"A shadow of retrieval learns from what happened before {windows.t1:%Y-%m-%d %H:%M}.")
        shadow = pair.train_stage(lesson.history, windows.t1, size, run.say, on_step=self._on_step)
        run.say(f"A ranker learns from {windows.labels:,} label events.")
        ready = shadow.ready()
        ranker = pair.train_bootstrap(lesson, ready, size)
        ranker = self._of_impressions(lesson, ranker, shadow=ready) or ranker
        del ready
        run.say(f"Retrieval learns from what happened before {windows.t2:%Y-%m-%d %H:%M}.")
        fitted = pair.train_stage(lesson.history, windows.t2, size, run.say, shadow=shadow, on_step=self._on_step)
        retriever = write_stage(fitted, run.folder, run=run.row.pk)
        return Candidate.written(retriever, write_ranker(ranker, run.folder, run=run.row.pk))

    def _ranker(self, lesson: Lesson, current: Incumbent | None) -> Candidate | Round:
        """The live stage is its own shadow: what was chosen after it was trained are its labels."""
        if current is None:
            return Round(State.FAILED, "The live release cannot be loaded, so no ranker can be trained beside it.")
        stage = current.contender.stage
        ranker: RankerArtefact | None = None
        if stage.trained_until < lesson.windows.t2:
            self._run.say("A ranker learns from label events.")
            ranker = pair.train_bootstrap(lesson, stage, self._task.size)
        ranker = self._of_impressions(lesson, ranker) or ranker
        if ranker is None:
            return Round(State.SKIPPED, "Nothing was chosen between the retriever's training and the gate's window.")
        if pair.is_fusion(ranker) and not pair.is_fusion(current.contender.ranker):
            return Round(State.NOT_PROMOTED, f"Nothing better than fusion was learned: {ranker.report['why']}")
        return Candidate.beside(current, write_ranker(ranker, self._run.folder, run=self._run.row.pk))

    def _of_impressions(
        self, lesson: Lesson, bootstrap: RankerArtefact | None, *, shadow: RetrievalStage | None = None
    ) -> RankerArtefact | None:
        """None where there are too few, or they teach nothing better.

        shadow: of a new retriever, which has not been served with: what was shown since its training gets its scores.
        Without it, visits teach the scores with which they were served.
        """
        logged, since = lesson.earlier, lesson.logged_since
        if logged is None or logged.with_click < settings.RERANKER_VISITS:
            return None
        if shadow is not None:
            since = shadow.trained_until
            recent = logged.since(since).drawn(amounts(self._task.size).visits)
            logged = scored_by(shadow, recent, lesson)
        self._run.say(f"A ranker learns from {logged.with_click:,} visits with a click.")
        return pair.train_ranker_of_visits(
            logged,
            bootstrap,
            since=since,
            until=lesson.windows.t2,
            size=self._task.size,
            say=self._run.say,
        )

    # --- after training ---

    def _decide(self, lesson: Lesson, candidate: Candidate, current: Incumbent | None) -> Decision:
        windows = lesson.windows
        self._run.say(f"Measuring on {windows.positives:,} positives since {windows.t2:%Y-%m-%d %H:%M}.")
        least = self._task.limits.readers
        measuring = Measuring(lesson, most=amounts(self._task.size).queries, least_readers=least)
        decision = decide(
            candidate,
            current,
            measuring,
            limits=self._task.limits,
            now=self._task.now,
            same_config=self._live is not None and self._live.config == pair.configs(self._task.size),
            why_less_data=self._task.why_less_data,
        )
        for line in decision.results.lines():
            self._run.say(line)
        self._run.say(f"{decision.verdict.outcome}: {decision.verdict.why}")
        return decision

    def _conclude(self, candidate: Candidate, decision: Decision, windows: Windows) -> Round:
        verdict = decision.verdict
        if self._task.dry_run:
            state = State.SKIPPED if verdict.outcome == Outcome.PROMOTE else State.NOT_PROMOTED
            return Round(
                state, f"Dry run, nothing was stored; the gate says {verdict.outcome}: {verdict.why}", None, decision
            )
        self._run.check_alone()
        release = publish(
            candidate.retriever,
            candidate.ranker,
            self._files,
            now=self._run.moment(),
            retriever_since=candidate.contender.stage.trained_from,
            retriever_until=candidate.contender.stage.trained_until,
            ranker_since=candidate.contender.ranker.since,
            ranker_until=candidate.contender.ranker.until,
            gate_since=windows.t2,
            gate_until=windows.t3,
            config=pair.configs(self._task.size),
            report=decision.report,
        )
        if verdict.outcome == Outcome.PROMOTE:
            try:
                release = promote(
                    release, by=self._task.by, reason=verdict.why, now=self._run.moment(), check=self._is_still_live
                )
            except AnotherWentLive:
                text = f"Release {release.pk} stays a candidate: another one went live while it was trained."
                return Round(State.NOT_PROMOTED, text, release, decision)
            return Round(State.PROMOTED, f"Release {release.pk} went live. {verdict.why}", release, decision)
        if verdict.outcome == Outcome.REFUSE:
            release = refuse(release, by=self._task.by, reason=verdict.why, now=self._run.moment())
            return Round(State.NOT_PROMOTED, f"Release {release.pk} was refused. {verdict.why}", release, decision)
        return Round(State.NOT_PROMOTED, f"Release {release.pk} stays a candidate. {verdict.why}", release, decision)

    def _is_still_live(self, live: Release | None) -> None:
        if live != self._live:
            raise AnotherWentLive


def _anything_since(moment: datetime, now: datetime) -> bool:
    """Whether the site learned of anything that anybody did, or took back."""
    learned = Interaction.objects.annotate(learned_at=Coalesce("imported_at", "received_at")).filter(excluded=None)
    done = Q(learned_at__gt=moment, learned_at__lte=now)
    return learned.filter(done | Q(undo_received_at__gt=moment, undo_received_at__lte=now)).exists()


def _trained_until(release: Release) -> datetime:
    return max(moment for moment in (release.retriever_until, release.ranker_until) if moment is not None)


def _told(windows: Windows) -> str:
    return (
        f"Learning until {windows.t2:%Y-%m-%d %H:%M} from {windows.learned:,} positives, {windows.labels:,} of them "
        f"labels since {windows.t1:%Y-%m-%d %H:%M}; measuring on {windows.positives:,} of {windows.readers:,} readers "
        f"until {windows.t3:%Y-%m-%d %H:%M} ({windows.kind})."
    )
