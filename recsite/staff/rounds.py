"""Training rounds: what each learned from, and what its release did to the feed beside the one that it replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import DateTimeField, Func, IntegerField, Prefetch, Sum, Value
from django.db.models.functions import TruncDay

from feedback.kinds import WEIGHTS, Kind
from feedback.surfaces import Surface
from recsite.models import FeedHour, LabelDay, Release, ReleaseEvent, TrainingRun
from recsite.staff.feed_counts import COUNTS, Sums
from recsite.staff.intervals import UNKNOWN, Interval, jackknife_change

SHOWN = 20
"""So many rounds a page: with more, the lines of a chart become a thicket."""

BEFORE_THE_FIRST = timedelta(days=7)
"""Of so long before the first release of all, the feed without one is what it is compared with."""

NO_RELEASE = 0
"""How counts name it."""

_JUDGED = ("negative", "dismissed", "positive")
_NEGATIVE = ("negative", "dismissed")


@dataclass(frozen=True)
class Used:
    """What a round's models learned from, as the release's report says; a report may say little.

    retriever, ranker: positives by the kinds that their weight tells, such as "like, save". The retriever's are those
    of the release before where the round trained a ranker alone.  negatives, dismissed: slots that were viewed and not
    chosen, and dismissed.  assumed: candidates that nobody was shown, taken for less wanted (a ranker from history).
    why_not: why no ranker was learned, or "".
    """

    retriever: Mapping[str, int] = field(default_factory=dict)
    retriever_positives: int | None = None
    ranker: Mapping[str, int] = field(default_factory=dict)
    positives: int | None = None
    negatives: int | None = None
    dismissed: int | None = None
    assumed: int | None = None
    why_not: str = ""

    @property
    def has_seen(self) -> bool:
        """The ranker learned from slots that readers viewed."""
        return bool(self.negatives or self.dismissed) and not self.assumed


@dataclass(frozen=True)
class Funnel:
    """From slots to the negatives that a ranker learned, over the days (UTC) of its window, whole.

    served: slots that releases filled.  viewed: reported as seen.  examined: in visits that are over, with an answer,
    or viewed without one: whatever has a label that is not "unknown".  negative: of those, not chosen or dismissed.
    used: of those, the rows that the ranker learned from.
    """

    first: date
    last: date
    served: int
    viewed: int
    examined: int
    negative: int
    used: int

    STAGES = ("served", "viewed", "examined", "negative", "used")

    @property
    def counts(self) -> list[int]:
        return [getattr(self, stage) for stage in self.STAGES]


@dataclass(frozen=True)
class Round:
    """release: that it made.  run: that made it, None where it was made otherwise.  went_live: the first time; None for
    never.  replaced: what was live before, `NO_RELEASE` for none, None where it never went live.
    feed: pages of the home feed that it served, by groups of readers.  before: those that what it replaced had served
    when it went live for the first time.
    funnel: None where its ranker did not learn from what was seen."""

    release: Release
    run: TrainingRun | None
    used: Used
    went_live: datetime | None = None
    replaced: int | None = None
    feed: Sums = field(default_factory=Sums)
    before: Sums = field(default_factory=Sums)
    funnel: Funnel | None = None

    def change(self, name: str) -> Interval:
        """Of the share of viewed slots, against what it replaced."""
        if not self.before.total("viewed"):
            return UNKNOWN
        parts = [one.by_part[count] for one in (self.before, self.feed) for count in (name, "viewed")]
        return jackknife_change(*parts)


def read_rounds(*, most: int = SHOWN) -> list[Round]:
    """Those that made the newest releases, the newest first; that of the live one too, however old it is."""
    known = Release.objects.defer("config").prefetch_related(Prefetch("runs", TrainingRun.objects.defer("log")))
    releases = list(known[:most])
    releases += known.filter(state=Release.State.LIVE).exclude(pk__in=[release.pk for release in releases])
    lives = _lives(releases)
    feeds = _feeds({release.pk: lives[release.pk] for release in releases if release.pk in lives})
    useds = {release.pk: used_by(release.report) for release in releases}
    funnels = _funnels([release for release in releases if useds[release.pk].has_seen], useds)
    rounds = []
    for release in releases:
        one = Round(
            release,
            next(iter(release.runs.all()), None),
            useds[release.pk],
            funnel=funnels.get(release.pk),
        )
        live = lives.get(release.pk)
        if live is not None:
            feed, before = feeds.served.get(release.pk, Sums()), feeds.before.get(release.pk, Sums())
            one = replace(one, went_live=live.at, replaced=live.replaced, feed=feed, before=before)
        rounds.append(one)
    return rounds


def runs_without_release(*, most: int = 10) -> list[TrainingRun]:
    """The newest trainings that ended without one, but for those that had nothing to do."""
    unfinished = [TrainingRun.State.RUNNING, TrainingRun.State.SKIPPED]
    ended = TrainingRun.objects.filter(release=None).exclude(state__in=unfinished)
    return list(ended.defer("log")[:most])


# --- what was learned from ---


def kinds_of_weight(weight: float) -> str:
    """Kinds of positives of the retriever that weigh so much: a report knows weights only."""
    return _kinds(kind for kind in Kind if WEIGHTS[kind].retriever == weight)


def kinds_of_gain(gain: int) -> str:
    """The same of the ranker."""
    return _kinds(kind for kind in Kind if WEIGHTS[kind].ranker_gain == gain)


def _kinds(kinds: Iterable[Kind]) -> str:
    return ", ".join(str(kind.label).lower() for kind in kinds) or "of a kind that is no more"


def used_by(report: Mapping[str, Any]) -> Used:
    """Reports of older code say less, so nothing is taken for granted."""
    ranker = _dict(report, "ranker")
    labels = _dict(ranker, "rows_by_label")
    weights, gains = _dict(report, "learned_by_weight"), _dict(ranker, "positives_by_gain")
    assumed = labels.get("assumed_negative")
    return Used(
        retriever=_summed((kinds_of_weight(float(weight)), count) for weight, count in weights.items()),
        retriever_positives=_dict(report, "learned").get("positives"),
        # A ranker from history knows only that something was chosen.
        ranker={} if assumed else _summed((kinds_of_gain(int(gain)), count) for gain, count in gains.items()),
        positives=labels.get("positive"),
        negatives=labels.get("negative"),
        dismissed=labels.get("dismissed"),
        assumed=assumed,
        why_not=str(ranker.get("why", "")) if ranker.get("order") == "fusion" else "",
    )


def _summed(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for kind, count in pairs:
        found[kind] = found.get(kind, 0) + count
    return found


def _dict(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = said.get(key)
    return found if isinstance(found, dict) else {}


# --- what it did ---


@dataclass(frozen=True)
class _Live:
    at: datetime
    replaced: int


def _lives(releases: Sequence[Release]) -> dict[int, _Live]:
    """When each went live for the first time, and what it replaced then."""
    promoted = ReleaseEvent.objects.filter(action=ReleaseEvent.Action.PROMOTED).order_by("pk")
    first = promoted.filter(release__in=releases).values_list("pk", flat=True).first()
    if first is None:
        return {}
    before = promoted.filter(pk__lt=first).values_list("release_id", flat=True).last()
    found: dict[int, _Live] = {}
    last = before or NO_RELEASE
    for release_id, at in promoted.filter(pk__gte=first).values_list("release_id", "at"):
        found.setdefault(release_id, _Live(at, last))
        last = release_id
    return found


@dataclass(frozen=True)
class _Feeds:
    """Pages of the home feed.  served: all that a release served.  before: by the release that went live, what that
    which it replaced had served by then: it may have come back since."""

    served: dict[int, Sums] = field(default_factory=dict)
    before: dict[int, Sums] = field(default_factory=dict)


def _feeds(lives: Mapping[int, _Live]) -> _Feeds:
    """Of these, since a week before the first of them. An hour in which one went live counts as before it, as far as
    the other served it."""
    feeds = _Feeds()
    if not lives:
        return feeds
    moments = sorted({live.at for live in lives.values()})
    wanted = {*lives, *(live.replaced for live in lives.values())}
    for release, part, passed, *counts in _hours(wanted, moments):
        if release != NO_RELEASE:
            _add(feeds.served.setdefault(release, Sums()), part, counts)
        for number, live in lives.items():
            if live.replaced == release and passed <= moments.index(live.at):
                _add(feeds.before.setdefault(number, Sums()), part, counts)
    return feeds


def _hours(releases: Iterable[int], moments: Sequence[datetime]) -> Any:
    """Release, group of readers, how many of the moments had passed when the hours began, and the sums of `COUNTS`."""
    since = moments[0] - BEFORE_THE_FIRST
    hours = FeedHour.objects.filter(surface=Surface.HOME, hour__gte=since, release__in=releases).order_by()
    known = Value(list(moments), ArrayField(DateTimeField()))
    passed = Func("hour", known, function="width_bucket", output_field=IntegerField())
    totals = [Sum(name) for name in COUNTS]
    return hours.annotate(passed=passed).values_list("release", "part", "passed").annotate(*totals)


def _add(sums: Sums, part: int, counts: Sequence[int]) -> None:
    for name, count in zip(COUNTS, counts, strict=True):
        sums.by_part[name][part] += count


# --- from what was served to what was used ---


def _funnels(releases: Sequence[Release], useds: Mapping[int, Used]) -> dict[int, Funnel]:
    """Of the windows of their rankers."""
    windows = {
        release.pk: (release.ranker_since.astimezone(UTC).date(), release.ranker_until.astimezone(UTC).date())
        for release in releases
        if release.ranker_since is not None and release.ranker_until is not None
    }
    if not windows:
        return {}
    first, last = min(since for since, _ in windows.values()), max(until for _, until in windows.values())
    slots, labels = _slots_by_day(first, last), _labels_by_day(first, last)
    funnels = {}
    for number, (since, until) in windows.items():
        used = useds[number]
        funnels[number] = Funnel(
            since,
            until,
            served=sum(served for day, (served, _) in slots.items() if since <= day <= until),
            viewed=sum(viewed for day, (_, viewed) in slots.items() if since <= day <= until),
            examined=_labelled(labels, _JUDGED, since, until),
            negative=_labelled(labels, _NEGATIVE, since, until),
            used=(used.negatives or 0) + (used.dismissed or 0),
        )
    return funnels


def _slots_by_day(first: date, last: date) -> dict[date, tuple[int, int]]:
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    hours = FeedHour.objects.filter(hour__gte=begin, hour__lt=end).exclude(release=NO_RELEASE).order_by()
    by_day = hours.annotate(day=TruncDay("hour", tzinfo=UTC)).values_list("day").annotate(Sum("slots"), Sum("viewed"))
    return {day.date(): (slots, viewed) for day, slots, viewed in by_day}


def _labels_by_day(first: date, last: date) -> dict[tuple[date, str], int]:
    days = LabelDay.objects.filter(day__gte=first, day__lte=last).exclude(release=NO_RELEASE).order_by()
    return {(day, label): slots for day, label, slots in days.values_list("day", "label").annotate(Sum("slots"))}


def _labelled(labels: Mapping[tuple[date, str], int], names: Sequence[str], since: date, until: date) -> int:
    return sum(slots for (day, label), slots in labels.items() if label in names and since <= day <= until)
