"""Is the feed healthy?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from django.db.models import Sum
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from recsite.counting.ranges import DAY, HOUR, day_of, hour_of
from recsite.models import LabelDay, Release
from recsite.releases.registry import live_release
from recsite.requests import SiteRequest
from recsite.staff.access import PERSONAL, staff_page
from recsite.staff.answers import answer
from recsite.staff.charts import Chart, Series, Tile, spark_path
from recsite.staff.feed_counts import Sums, fallbacks_by_hour, hours_of, sums, sums_by_day
from recsite.staff.feed_facts import read_facts
from recsite.staff.feed_health import Facts, alarms, verdict
from recsite.staff.intervals import UNKNOWN, Interval
from recsite.staff.reach import Coverage, Overlap, coverage, overlap
from recsite.staff.schedules import Standing, standings
from recsite.staff.serving_times import ServingTimes, serving_times
from recsite.staff.spans import roughly
from recsite.staff.tables import Cell, Column, Table, in_zone, moment, number, share, whole, words

WEEK, FORTNIGHT = 7 * DAY, 14 * DAY
NOT_COUNTED = "The log has not been counted yet. The job count-log does so every minute."
_KEPT = "by the live release"


@staff_page
@require_GET
def overview(request: SiteRequest) -> HttpResponse:
    now = request.now
    end = hour_of(now) + HOUR
    pages = fallbacks_by_hour(since=end - WEEK, until=end)
    day, live, jobs = sums(since=end - DAY - HOUR, until=end), live_release(), standings(now=now)
    facts = read_facts(now=now, live=live, day=day, pages_in_fallback=_fell_back(pages, end - DAY - HOUR), jobs=jobs)
    by_day = sums_by_day(since=day_of(now) - FORTNIGHT + DAY, until=end)
    times, slates = serving_times(), _slates(request)
    context = {
        "title": verdict(facts),
        "alarms": [
            (alarm.text, slates if alarm.about == "slates" else reverse(f"staff:{alarm.about}"))
            for alarm in alarms(facts)
        ],
        "tiles": _tiles(facts, day, by_day, pages, jobs, slates=slates),
        "counted_at": facts.counted_at,
        "times": times,
        "live": live,
    }
    tables = [
        _fallback_table(pages, end, slates),
        _steps_table(times),
        _answers_table(now, slates),
        _lessons_table(live, now),
        _reach_table(coverage(now=now), overlap(now=now), slates),
        _jobs_table(jobs),
    ]
    charts = [_fallback_chart(pages, end, now), _rates_chart(by_day, now)]
    return answer(request, "staff/overview.html", context, tables=tables, charts=charts)


def _slates(request: SiteRequest) -> str:
    """Their page, for those who may open it."""
    return reverse("staff:slates") if request.user.has_perm(PERSONAL) else ""


def _fallen(slates: str) -> str:
    """Those that were a fallback."""
    return f"{slates}?fallback=1" if slates else ""


# --- tiles ---


def _tiles(
    facts: Facts,
    day: Sums,
    by_day: Mapping[datetime, Sums],
    pages: Mapping[datetime, Mapping[str, int]],
    jobs: Sequence[Standing],
    *,
    slates: str,
) -> list[Tile]:
    clicks = day.rate("clicks")
    in_fallback = facts.pages_in_fallback / facts.pages if facts.pages else None
    troubled = sum(job.is_late or job.failed for job in jobs)
    return [
        _release_tile(facts),
        Tile(
            "Pages in fallback, 24 hours",
            "–" if in_fallback is None else f"{in_fallback:.1%}",
            f"{facts.pages_in_fallback:,} of {facts.pages:,} pages of the feed",
            _fallen(slates),
            spark_path([_share_of_fallbacks(pages[hour]) for hour in sorted(pages)]),
            alarm=facts.fallback is not None,
        ),
        Tile(
            "Click rate, 24 hours",
            "–" if clicks.value is None else f"{clicks.value:.1%}",
            f"{_bounds(clicks)} of {facts.views:,} views",
            reverse("staff:loop"),
            spark_path([by_day[day].rate("clicks").value for day in sorted(by_day)]),
        ),
        Tile(
            "Jobs late or failed",
            str(troubled),
            f"of {len(jobs)} periodic jobs",
            reverse("staff:jobs"),
            alarm=troubled > 0,
        ),
    ]


def _release_tile(facts: Facts) -> Tile:
    live = facts.live
    if live is None:
        return Tile("Live release", "none", "Promote one, or train one.", reverse("staff:releases"), alarm=True)
    learned = f"learned until {roughly(facts.now - live.learned_until)} ago"
    value = f"{live.number}, {roughly(facts.now - live.made_at)} old"
    return Tile("Live release", value, learned, reverse("staff:release", args=[live.number]))


def _bounds(interval: Interval) -> str:
    if interval.lower is None or interval.upper is None:
        return "too few readers to say how sure;"
    return f"{interval.lower:.1%} to {interval.upper:.1%} with 95% confidence,"


# --- fallbacks ---


def _fell_back(pages: Mapping[datetime, Mapping[str, int]], since: datetime) -> int:
    return sum(count for hour, of in pages.items() if hour >= since for reason, count in of.items() if reason)


def _share_of_fallbacks(of: Mapping[str, int]) -> float | None:
    total = sum(of.values())
    return (total - of.get("", 0)) / total if total else None


def _reasons(pages: Mapping[datetime, Mapping[str, int]]) -> list[str]:
    return sorted({reason for of in pages.values() for reason in of if reason})


def _fallback_chart(pages: Mapping[datetime, Mapping[str, int]], end: datetime, now: datetime) -> Chart:
    """One line a reason; a single one at zero where every page came from the live release."""
    hours = hours_of(end - WEEK, end)
    totals = [sum(pages.get(hour, {}).values()) for hour in hours]

    def along(reason: str) -> list[float | None]:
        return [
            pages[hour].get(reason, 0) / total if total else None for hour, total in zip(hours, totals, strict=True)
        ]

    reasons = _reasons(pages)
    if reasons:
        series = [Series(reason, along(reason)) for reason in reasons]
    else:
        series = [Series("in fallback", [0.0 if total else None for total in totals])]
    title = "Share of pages of the feed in fallback, by hour"
    return Chart("fallbacks", title, "share", hours, series, now, empty=NOT_COUNTED)


def _fallback_table(pages: Mapping[datetime, Mapping[str, int]], end: datetime, slates: str) -> Table:
    windows = _windows(end)
    columns = [Column("Served")]
    for name, since in windows:
        columns += [Column(f"{what}, {name}", numeric=True, hint=_from(since)) for what in ("Pages", "Share")]
    found = [_by_reason(pages, since) for _, since in windows]
    rows = []
    for reason in ["", *_reasons(pages)] if pages else []:
        row = [words(reason or _KEPT, url=_fallen(slates) if reason else slates)]
        for of in found:
            total = sum(of.values())
            row += [whole(of.get(reason, 0)), share(of.get(reason, 0) / total if total else None)]
        rows.append(row)
    return Table("reasons", "Pages of the feed by what served them", columns, rows, NOT_COUNTED)


def _windows(end: datetime) -> list[tuple[str, datetime]]:
    """Names, and where they begin: hours are counted whole."""
    return [("1 to 2 hours", end - 2 * HOUR), ("24 hours", end - DAY - HOUR), ("7 days", end - WEEK)]


def _from(since: datetime) -> str:
    return f"Whole hours from {in_zone(since)}."


def _by_reason(pages: Mapping[datetime, Mapping[str, int]], since: datetime) -> dict[str, int]:
    found: dict[str, int] = {}
    for hour, of in pages.items():
        if hour >= since:
            for reason, count in of.items():
                found[reason] = found.get(reason, 0) + count
    return found


# --- time ---


def _steps_table(times: ServingTimes) -> Table:
    columns = [Column("Step"), *(Column(head, numeric=True) for head in ("Times", "p50, ms", "p99, ms"))]
    rows = [[words(step.step), whole(step.times), _ms(step.p50_ms), _ms(step.p99_ms)] for step in times.steps]
    empty = "No page of the feed was made by these web processes yet. Open the feed once."
    return Table("steps", "Time of each step of a page of the feed", columns, rows, empty)


def _ms(value: float | None) -> Cell:
    return Cell("over 1,000", hint="More than the last bucket has room for.") if value is None else number(value, 1)


# --- what readers answered ---

_ANSWERS = (
    ("clicks", "clicked"),
    ("likes", "liked"),
    ("saves", "saved"),
    ("dismissals", "dismissed"),
    ("unwanted", "neither chosen nor dismissed"),
)


def _answers_table(now: datetime, slates: str) -> Table:
    end = hour_of(now) + HOUR
    windows = _windows(end)
    found = [(name, sums(since=since, until=end)) for name, since in windows]
    columns = [Column("Slots of the feed")]
    for name, since in windows:
        heads = (name, f"Of views, {name}", f"95%, {name}")
        columns += [Column(head, numeric=True, hint=_from(since)) for head in heads]
    if not found[-1][1].total("slates"):
        return Table("answers", "What readers answered", columns, [], NOT_COUNTED)
    rows = [_counted("served", "slots", found, slates), _counted("viewed", "viewed", found, slates)]
    for name, label in _ANSWERS:
        row = [words(label, url=reverse("staff:loop"))]
        for _, of in found:
            rate = of.rate(name)
            row += [whole(of.total(name)), share(rate.value, 2), _range(rate)]
        rows.append(row)
    return Table("answers", "What readers answered", columns, rows)


def _counted(label: str, name: str, found: Sequence[tuple[str, Sums]], url: str) -> list[Cell]:
    row = [words(label, url=url)]
    for _, of in found:
        row += [whole(of.total(name)), words(""), words("")]
    return row


def _range(rate: Interval) -> Cell:
    if rate.lower is None or rate.upper is None:
        return words("–")
    return words(f"{rate.lower:.2%} to {rate.upper:.2%}")


def _rates_chart(by_day: Mapping[datetime, Sums], now: datetime) -> Chart:
    first = day_of(now) - FORTNIGHT + DAY
    days = [first + number * DAY for number in range(FORTNIGHT // DAY)]
    series = []
    for title, name in (("clicked", "clicks"), ("dismissed", "dismissals")):
        rates = [by_day[day].rate(name) if day in by_day else UNKNOWN for day in days]
        series.append(
            Series(
                title,
                [rate.value for rate in rates],
                [rate.lower for rate in rates],
                [rate.upper for rate in rates],
            )
        )
    title = "Share of viewed slots that were clicked and dismissed, by day (UTC), with 95% intervals"
    return Chart("rates", title, "share", days, series, now, empty=NOT_COUNTED)


# --- what there is to learn from ---


def _lessons_table(live: Release | None, now: datetime) -> Table:
    """Days are whole: that until which the live release learned is among them."""
    since = (live.ranker_until or live.retriever_until) if live is not None else now - 30 * DAY
    if live is None:
        what = "of the last 30 days"
    else:
        model = "ranker" if live.ranker_until else "retriever"
        what = f"since release {live.pk} learned (its {model} until {in_zone(since)})"
    first = since.astimezone(UTC).date()
    rows = (
        LabelDay.objects.filter(day__gte=first, day__lte=now.date())
        .order_by("label", "kind")
        .values_list("label", "kind")
        .annotate(Sum("slots"))
    )
    by_label: dict[str, int] = {}
    cells = []
    for label, kind, slots in rows:
        by_label[label] = by_label.get(label, 0) + slots
        cells.append([words(label, url=reverse("staff:loop")), words(kind or "–"), whole(slots)])
    usable = by_label.get("positive", 0), by_label.get("negative", 0) + by_label.get("dismissed", 0)
    caption = f"Usable {what}, whole days from {first:%Y-%m-%d} UTC: {usable[0]:,} positives, {usable[1]:,} negatives"
    columns = [Column("Label"), Column("Kind"), Column("Slots", numeric=True)]
    empty = "No visit of these days is over and counted yet. Visits are over after half an hour without a word."
    return Table("lessons", caption, columns, cells, empty)


# --- reach ---


def _reach_table(covered: Coverage, alike: Overlap, slates: str) -> Table:
    columns = [Column("Reach"), Column("Share", numeric=True), Column("Of what")]
    rows = [
        [
            words("Coverage", url=reverse("staff:items"), hint="Visible items that stood on any page."),
            share(covered.share),
            words(f"{covered.shown:,} of {covered.visible:,} visible items, shown yesterday or today (UTC)"),
        ],
        [
            words("Overlap", url=slates, hint="Mean Jaccard index of the first ten items of feeds."),
            share(alike.mean),
            words(f"the first ten items of the last feeds of {alike.readers:,} readers, pair by pair"),
        ],
    ]
    return Table("reach", "Reach of the feed", columns, rows)


# --- jobs ---


def _jobs_table(jobs: Sequence[Standing]) -> Table:
    columns = [Column("Job"), Column("What is wrong"), Column("Was due"), Column("Last run")]
    rows = []
    for job in jobs:
        if not (job.is_late or job.failed):
            continue
        last = job.last
        wrong = ["late"] if job.is_late else []
        if job.failed and last is not None:
            wrong.append(f"failed: {last.result[:120]}" if last.result else "failed")
        rows.append(
            [
                words(job.job.name, url=reverse("staff:job", args=[job.job.pk])),
                words(", ".join(wrong)),
                moment(job.due),
                moment(last.started_at if last else None, url=reverse("staff:job_run", args=[last.pk]) if last else ""),
            ]
        )
    empty = (
        f"All {len(jobs)} jobs ran as they should."
        if jobs
        else "There is no job yet. Start the scheduler: celery -A recsite.celery beat."
    )
    return Table("jobs", "Jobs that need a look", columns, rows, empty)
