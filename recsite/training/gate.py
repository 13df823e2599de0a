"""Whether a candidate may go live: rules over what was measured. Pure, so that every rule has its test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    PROMOTE = "promote"
    REFUSE = "refuse"
    UNDECIDED = "undecided"


class Change(StrEnum):
    """What distinguishes a candidate from the live release; each has its own bar."""

    FIRST = "first release"
    ROUTINE = "same config, newer data"
    RERANKER = "newer ranker"
    CONFIG = "changed config"


@dataclass(frozen=True)
class Limits:
    """What a candidate is held against; kept on its report.

    readers, positives: that the window must hold.  unprompted: positives among them that the feed did not cause.
    *_loss: the most that the lower 95% bound of a relative difference may say is lost.
    feed_loss: what feed clicks may say is lost for certain (the upper bound) before they veto.
    between_rerankers: the least time from one promotion to that of a newer ranker.
    coverage_kept: of the live release's coverage.  overlap, overlap_added: of two readers' first items; see `Shape`.
    data_kept: of what the live release learned from.
    """

    readers: int = 300
    positives: int = 1_000
    unprompted: int = 100
    routine_loss: float = 0.03
    reranker_loss: float = 0.01
    month_loss: float = 0.03
    feed_loss: float = 0.10
    between_rerankers: timedelta = timedelta(hours=6)
    coverage_kept: float = 0.5
    overlap: float = 0.9
    overlap_added: float = 0.25
    data_kept: float = 0.8
    latency_p99_ms: float = 400.0
    size_mib: float = 4_096.0

    def as_json(self) -> dict[str, Any]:
        values = asdict(self)
        return values | {"between_rerankers": f"{self.between_rerankers.total_seconds() / 3600:g} h"}


@dataclass(frozen=True)
class Difference:
    """Of the candidate to another, paired by reader, as a share of the other's: 0.02 is 2% better.
    lower, upper: of the 95% interval."""

    relative: float
    lower: float
    upper: float

    def __str__(self) -> str:
        return f"{self.relative:+.1%} ({self.lower:+.1%} to {self.upper:+.1%})"


@dataclass(frozen=True)
class Window:
    """What the candidate and the others were measured on: [since, until).

    of_history: the last tenth of what was imported, which is measured on however little it holds.
    """

    since: datetime
    until: datetime
    readers: int
    positives: int
    unprompted: int
    of_history: bool = False


@dataclass(frozen=True)
class Shape:
    """coverage: share of the catalogue in anybody's first items.  overlap: how much of theirs two readers share, which
    is 0 where there is one only. See `recsite.training.shapes`."""

    coverage: float
    overlap: float


@dataclass(frozen=True)
class Learned:
    """How much a release learned from."""

    positives: int
    readers: int
    items: int


@dataclass(frozen=True)
class Live:
    """The release that a candidate would replace.

    trained_until: the newest that either of its models may know.
    order: of the candidate's order to this one's.
    retrieval: of the candidates' recall to this one's, on positives that the feed did not cause; None with too few, or
        where both have the same retriever.
    feed: the same on clicks in the feed, which say as much of what was shown as of what was liked.
    promoted_at: when any release went live last.  alarm: why anything is better than to wait, or "".
    """

    trained_until: datetime
    order: Difference
    shape: Shape
    learned: Learned
    retrieval: Difference | None = None
    feed: Difference | None = None
    promoted_at: datetime | None = None
    alarm: str = ""


@dataclass(frozen=True)
class Comparison:
    """All that the gate looks at.

    new_retriever: False where it is the live release's, and only the ranker is new.
    to_popularity, to_month: of the candidate's order to that of popularity, and of the release of 30 days ago.
    served_differently: readers to whom serving gave another order than measuring, of `served` that were tried.
    why_less_data: the reason that a person gave for data that shrank.
    """

    change: Change
    now: datetime
    trained_until: datetime
    window: Window
    to_popularity: Difference
    shape: Shape
    learned: Learned
    latency_p99_ms: float
    size_mib: float
    live: Live | None = None
    to_month: Difference | None = None
    served: int = 0
    served_differently: int = 0
    why_less_data: str = ""
    new_retriever: bool = True


@dataclass(frozen=True)
class Verdict:
    """reasons: of a refusal every one; of a promotion, what it was measured to be."""

    outcome: Outcome
    reasons: tuple[str, ...]
    limits: Limits = field(default_factory=Limits)

    @property
    def why(self) -> str:
        return " ".join(self.reasons)

    def as_json(self) -> dict[str, Any]:
        return {"outcome": str(self.outcome), "reasons": list(self.reasons), "limits": self.limits.as_json()}


def judge(found: Comparison, limits: Limits) -> Verdict:
    """Promote, refuse with every reason, or leave undecided: then the live release stays.

    Raises ValueError for a first release that has a live one beside it, and the other way round.
    """
    if (found.change == Change.FIRST) != (found.live is None):
        raise ValueError(f"A candidate is the first release exactly where none is live, but this is: {found.change}.")
    unsure = tuple(_undecided(found, limits))
    if unsure:
        return Verdict(Outcome.UNDECIDED, unsure, limits)
    wrong = tuple(_refusals(found, limits))
    if wrong:
        return Verdict(Outcome.REFUSE, wrong, limits)
    early = tuple(_too_early(found, limits))
    if early:
        return Verdict(Outcome.UNDECIDED, early, limits)
    return Verdict(Outcome.PROMOTE, tuple(_merits(found)), limits)


def _undecided(found: Comparison, limits: Limits) -> Iterator[str]:
    window = found.window
    for name, count, least in (
        ("readers with a history", window.readers, limits.readers),
        ("positives", window.positives, limits.positives),
    ):
        if count < least and not window.of_history:
            yield f"The window holds {count:,} {name}; {least:,} are needed."
    if _judges_retrieval(found) and window.unprompted < limits.unprompted and not window.of_history:
        yield (
            f"Only {window.unprompted:,} positives were not caused by the feed; retrieval is judged on "
            f"{limits.unprompted:,}."
        )
    if window.since < found.trained_until:
        yield f"The window begins at {window.since:%Y-%m-%d %H:%M}, but the candidate learned until later."
    if found.live is not None and window.since < found.live.trained_until:
        yield f"The window begins at {window.since:%Y-%m-%d %H:%M}, but the live release learned until later."


def _judges_retrieval(found: Comparison) -> bool:
    return found.live is not None and found.new_retriever


def _refusals(found: Comparison, limits: Limits) -> Iterator[str]:
    yield from _of_order(found, limits)
    yield from _of_retrieval(found, limits)
    yield from _of_shape(found, limits)
    yield from _of_data(found, limits)
    yield from _of_running(found, limits)


def _of_order(found: Comparison, limits: Limits) -> Iterator[str]:
    if found.live is None:
        if found.to_popularity.lower <= 0:
            yield f"It does not beat popularity for certain: {found.to_popularity}."
        return
    lost = {Change.ROUTINE: limits.routine_loss, Change.RERANKER: limits.reranker_loss, Change.CONFIG: 0.0}
    bar = 0 - lost[found.change]
    if found.live.order.lower <= bar:
        yield (
            f"Its order against the live release: {found.live.order}; the lower bound must be above {bar:.0%} "
            f"({found.change})."
        )
    if found.to_month is not None and found.to_month.lower <= -limits.month_loss:
        yield (
            f"Its order against the release of 30 days ago: {found.to_month}; the lower bound must be above "
            f"{-limits.month_loss:.0%}, so that small losses cannot add up."
        )


def _of_retrieval(found: Comparison, limits: Limits) -> Iterator[str]:
    if found.live is None:
        return
    retrieval, feed = found.live.retrieval, found.live.feed
    if retrieval is not None and retrieval.lower <= -limits.routine_loss:
        yield (
            f"Its retrieval on positives that the feed did not cause: {retrieval}; the lower bound must be above "
            f"{-limits.routine_loss:.0%}."
        )
    if feed is not None and feed.upper < -limits.feed_loss:
        yield f"Its retrieval of what was clicked in the feed: {feed}; that is lost for certain."


def _of_shape(found: Comparison, limits: Limits) -> Iterator[str]:
    shape, live = found.shape, found.live
    if shape.overlap > limits.overlap:
        yield f"Two readers share {shape.overlap:.0%} of their first items; at most {limits.overlap:.0%} may be alike."
    if live is None:
        return
    if shape.coverage < limits.coverage_kept * live.shape.coverage:
        yield f"Coverage collapses: {shape.coverage:.1%} of the catalogue, where it is {live.shape.coverage:.1%} now."
    if shape.overlap > live.shape.overlap + limits.overlap_added:
        yield (
            f"Readers become alike: two share {shape.overlap:.0%} of their first items, where it is "
            f"{live.shape.overlap:.0%} now."
        )


def _of_data(found: Comparison, limits: Limits) -> Iterator[str]:
    if found.live is None or found.why_less_data:
        return
    for name in ("positives", "readers", "items"):
        now, before = getattr(found.learned, name), getattr(found.live.learned, name)
        if now < limits.data_kept * before:
            yield (
                f"The data shrank: it learned from {now:,} {name}, the live release from {before:,}. If there is a "
                "reason for that, say it: `manage.py retrain --less-data REASON`."
            )


def _of_running(found: Comparison, limits: Limits) -> Iterator[str]:
    if found.served_differently:
        yield (
            f"Served, {found.served_differently} of {found.served} readers get another order than was measured: what "
            "was measured is not what would go live."
        )
    if found.latency_p99_ms > limits.latency_p99_ms:
        yield f"An answer takes {found.latency_p99_ms:.0f} ms (p99), at most {limits.latency_p99_ms:.0f} are allowed."
    if found.size_mib > limits.size_mib:
        yield f"It takes {found.size_mib:,.0f} MiB, at most {limits.size_mib:,.0f} are allowed."


def _too_early(found: Comparison, limits: Limits) -> Iterator[str]:
    live = found.live
    if found.new_retriever or live is None or live.promoted_at is None or live.alarm:
        return
    since = found.now - live.promoted_at
    # Less than nothing: a clock was set back, and the wait might last for years.
    if timedelta() <= since < limits.between_rerankers:
        yield (
            f"A release went live {since.total_seconds() / 3600:.1f} h ago; a newer ranker waits until "
            f"{live.promoted_at + limits.between_rerankers:%H:%M}, unless the live release is in alarm."
        )


def _merits(found: Comparison) -> Iterator[str]:
    yield f"Against popularity: {found.to_popularity}."
    if found.live is not None:
        yield f"Against the live release: {found.live.order}."
        if found.live.alarm:
            yield f"The live release is in alarm: {found.live.alarm}"
    if found.to_month is not None:
        yield f"Against the release of 30 days ago: {found.to_month}."
    if found.why_less_data:
        yield f"Less data was to be expected: {found.why_less_data}"
