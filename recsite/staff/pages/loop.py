"""Does learning from readers make the feed better?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from recsite import audience_switch
from recsite.counting.schedule import TODAY, counted_until
from recsite.models import Release
from recsite.requests import SiteRequest
from recsite.staff.access import JOBS, PERSONAL, operator, reason_given, staff_page
from recsite.staff.answers import answer
from recsite.staff.charts import Chart, Series, Tile
from recsite.staff.intervals import Interval
from recsite.staff.rounds import NO_RELEASE, Funnel, Round, read_rounds, runs_without_release
from recsite.staff.simulated_arms import ArmsFileError, SimulatedArms, read_arms
from recsite.staff.simulated_tables import arm_charts, arm_tables
from recsite.staff.tables import Cell, Column, Table, moment, share, whole, words

NOT_COUNTED = "No slate of a release has been counted yet. The job count-log counts the log every minute."
AUDIENCE_TRAIL = 20
NO_RANKER = "No ranker has learned yet: until one does better than the sources' own order, that is what readers get."
NO_ROUND = "No training has made a release yet. Start one: `manage.py retrain`, or the job retrain-retriever."


@staff_page
@require_GET
def loop(request: SiteRequest) -> HttpResponse:
    rounds = read_rounds()
    as_of = counted_until(TODAY) or request.now
    simulated, simulated_error = _simulated()
    simulated_charts = [] if simulated is None else arm_charts(simulated)
    slates = reverse("staff:slates") if request.user.has_perm(PERSONAL) else ""
    live = next((one for one in rounds if one.release.state == Release.State.LIVE), None)
    turns_audience = bool(settings.AUDIENCE) and request.user.has_perm(JOBS)
    context = {
        "title": _title(rounds, live),
        "tiles": _tiles(rounds, live, slates),
        "live": live,
        "replaced": _replaced(live),
        "newest_funnel": _newest_funnel(rounds),
        "simulated": simulated,
        "simulated_error": simulated_error,
        "simulated_charts": simulated_charts,
        "audience": _audience() if turns_audience else None,
    }
    charts = [_rates_chart(rounds, as_of), _slots_chart(rounds, as_of), _used_chart(rounds, request.now)]
    charts += [_funnel_chart(rounds, as_of), *simulated_charts]
    tables = [
        _changes_table(rounds, slates),
        _learned_table(rounds),
        _funnel_table(rounds),
        _without_release_table(),
        *([_audience_table()] if turns_audience else []),
        *([] if simulated is None else arm_tables(simulated)),
    ]
    return answer(request, "staff/loop.html", context, tables=tables, charts=charts)


@staff_page(needs=JOBS)
@require_POST
def switch_audience(request: SiteRequest) -> HttpResponse:
    """Send the demo's made-up readers away, or call them back."""
    reason = reason_given(request)
    if reason is None:
        messages.error(request, "Give a reason: it is what somebody reads who wonders next month.")
    else:
        on = request.POST.get("on") == "1"
        audience_switch.turn(on=on, by=operator(request), reason=reason, now=request.now)
        messages.success(request, "The made-up readers come back." if on else "The made-up readers leave.")
    return redirect("staff:loop")


def _audience() -> dict[str, Any]:
    """What turns the switch the other way."""
    if audience_switch.is_on():
        words = "They finish what they are at and leave; what they did stays in the log."
        return {"label": "Send the made-up readers away", "words": words, "fields": [("on", "0")]}
    words = "They come as readers do, and what they do is learned from like anybody's."
    return {"label": "Call the made-up readers back", "words": words, "fields": [("on", "1")]}


def _audience_table() -> Table:
    """Who turned the switch, and why."""
    columns = [Column("When"), Column("What"), Column("By"), Column("Why")]
    turns = audience_switch.trail(most=AUDIENCE_TRAIL)
    rows = [[moment(act.at), words(act.action), words(act.by), words(act.reason)] for act in turns]
    return Table("audience", "Who sent the made-up readers away, or back", columns, rows, "Nobody has yet.")


def _simulated() -> tuple[SimulatedArms | None, str]:
    try:
        return read_arms(settings.LOOP_RESULTS), ""
    except ArmsFileError as error:
        return None, str(error)


# --- in words ---


def _title(rounds: Sequence[Round], live: Round | None) -> str:
    if not rounds:
        return "No training round has made a release yet."
    if live is None:
        return "Releases were made, and none is live: the feed learns nothing."
    number, change = live.release.pk, live.change("clicks")
    if change.value is None or change.lower is None or change.upper is None:
        return f"Release {number} is live. It is too early to say what it changed."
    if change.lower > 0:
        return f"Release {number} is clicked more often than {_replaced(live)}."
    if change.upper < 0:
        return f"Release {number} is clicked less often than {_replaced(live)}."
    return f"Release {number} is clicked about as often as {_replaced(live)}: what differs may be chance."


def _replaced(one: Round | None) -> str:
    if one is None or one.replaced is None:
        return "nothing"
    return "the feed without a release" if one.replaced == NO_RELEASE else f"release {one.replaced}"


def _points(change: Interval) -> str:
    """`+0.40 points (-0.10 to +0.90)`"""
    if change.value is None:
        return "–"
    value = f"{100 * change.value:+.2f} points"
    if change.lower is None or change.upper is None:
        return value
    return f"{value} ({100 * change.lower:+.2f} to {100 * change.upper:+.2f})"


# --- tiles ---


def _tiles(rounds: Sequence[Round], live: Round | None, slates: str) -> list[Tile]:
    if live is None:
        return []
    of_live = _slates_of(live, slates)
    clicks, unwanted = live.feed.rate("clicks"), live.feed.rate("unwanted")
    before = live.before.rate("clicks").value
    newest = _newest_funnel(rounds)
    tiles = [
        Tile(
            f"Click rate of release {live.release.pk}",
            _percent(clicks.value),
            "Nothing to compare it with yet" if before is None else f"{_points(live.change('clicks'))} since before",
            of_live,
        ),
        Tile(
            "Slots that nobody wanted",
            _percent(unwanted.value),
            f"of {live.feed.total('viewed'):,} viewed",
            of_live,
        ),
        Tile(
            "Slots left to chance",
            _percent(live.feed.rate("explored", "slots").value),
            f"{settings.EXPLORATION_SHARE:.1%} are asked for now",
            of_live,
        ),
    ]
    if newest is not None and newest.funnel is not None:
        release = newest.release.pk
        detail = f"viewed and not wanted, in the round of release {release}"
        tiles.append(
            Tile("Negatives used", f"{newest.funnel.used:,}", detail, reverse("staff:release", args=[release]))
        )
    return tiles


def _newest_funnel(rounds: Sequence[Round]) -> Round | None:
    return next((one for one in rounds if one.funnel is not None), None)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


# --- charts ---


def _rates_chart(rounds: Sequence[Round], as_of: datetime) -> Chart:
    shown = _served(rounds)
    series = [_rates("clicked", shown, "clicks"), _rates("dismissed", shown, "dismissals")]
    title = "Share of viewed slots of the feed that were clicked and dismissed, by release, with 95% intervals"
    return Chart("rates", title, "share", _names(shown), series, as_of, empty=NOT_COUNTED)


def _slots_chart(rounds: Sequence[Round], as_of: datetime) -> Chart:
    shown = _served(rounds)
    series = [
        _rates("nobody wanted, of viewed", shown, "unwanted"),
        _rates("left to chance", shown, "explored", "slots"),
    ]
    title = "Slots that nobody wanted, and slots left to chance, by release, with 95% intervals"
    return Chart("slots", title, "share", _names(shown), series, as_of, empty=NOT_COUNTED)


def _used_chart(rounds: Sequence[Round], now: datetime) -> Chart:
    shown = rounds[::-1]

    def along(count: Callable[[Round], int | None]) -> list[float | None]:
        return [count(one) for one in shown]

    series = [
        Series("positives", along(lambda one: one.used.positives)),
        Series("viewed, not chosen", along(lambda one: one.used.negatives)),
        Series("dismissed", along(lambda one: one.used.dismissed)),
        Series("assumed", along(lambda one: one.used.assumed)),
    ]
    empty = NO_RANKER if rounds else NO_ROUND
    return Chart("used", "Rows that rankers learned from, by release", "count", _names(shown), series, now, empty=empty)


def _funnel_chart(rounds: Sequence[Round], as_of: datetime) -> Chart:
    newest = _newest_funnel(rounds)
    values = [] if newest is None or newest.funnel is None else newest.funnel.counts
    title = (
        "From slots to negatives" if newest is None else f"From slots to the negatives of release {newest.release.pk}"
    )
    empty = "No ranker has learned from what readers viewed yet; until then rankers learn from history alone."
    names = list(Funnel.STAGES[: len(values)])
    return Chart("funnel", title, "count", names, [Series("slots", values)], as_of, kind="bars", empty=empty)


def _served(rounds: Sequence[Round]) -> list[Round]:
    """Whose slots were viewed, the oldest first."""
    return [one for one in rounds[::-1] if one.feed.total("viewed")]


def _names(rounds: Sequence[Round]) -> list[str]:
    return [str(one.release.pk) for one in rounds]


def _rates(name: str, rounds: Sequence[Round], count: str, of: str = "viewed") -> Series:
    rates = [one.feed.rate(count, of) for one in rounds]
    return Series(name, [rate.value for rate in rates], [rate.lower for rate in rates], [rate.upper for rate in rates])


# --- tables ---


def _changes_table(rounds: Sequence[Round], slates: str) -> Table:
    columns = [
        Column("Release"),
        Column("Went live"),
        Column("Replaced"),
        Column("Viewed", numeric=True, hint="Slots of the home feed that it served and readers saw."),
        Column("Clicked", numeric=True, hint="Of viewed slots, with a 95% interval."),
        Column("Before", numeric=True, hint="The same, of what it replaced, until then."),
        Column("Change", numeric=True, hint="In percentage points, with a 95% interval."),
        Column("Dismissed", numeric=True),
        Column("Before", numeric=True),
        Column("Change", numeric=True),
        Column("Nobody wanted", numeric=True, hint="Of viewed slots: neither chosen nor dismissed."),
        Column("Left to chance", numeric=True, hint="Of all slots: drawn from the pool or from outside of it."),
    ]
    rows = []
    for one in rounds:
        if one.went_live is None:
            continue
        row = [_release_cell(one), moment(one.went_live), words(_replaced(one), url=_address_of_replaced(one))]
        row.append(whole(one.feed.total("viewed"), url=_slates_of(one, slates)))
        for count in ("clicks", "dismissals"):
            row += [_rate_cell(one.feed.rate(count)), _rate_cell(one.before.rate(count)), _change_cell(one, count)]
        row += [share(one.feed.rate("unwanted").value), share(one.feed.rate("explored", "slots").value)]
        rows.append(row)
    return Table("changes", "What each round changed in the feed", columns, rows, NO_ROUND)


def _learned_table(rounds: Sequence[Round]) -> Table:
    by_weight = sorted({kind for one in rounds for kind in one.used.retriever})
    by_gain = sorted({kind for one in rounds for kind in one.used.ranker})
    columns = [
        Column("Release"),
        Column("Training"),
        Column("Outcome"),
        Column("Retriever: positives", numeric=True),
        *(Column(f"of those: {kind}", numeric=True) for kind in by_weight),
        Column("Ranker: positives", numeric=True),
        *(Column(f"of those: {kind}", numeric=True) for kind in by_gain),
        Column("Viewed, not chosen", numeric=True),
        Column("Dismissed", numeric=True),
        Column("Assumed", numeric=True, hint="Candidates that nobody was shown, beside what was chosen in history."),
    ]
    rows = []
    for one in rounds:
        used = one.used
        row = [_release_cell(one), _training_cell(one), words(used.why_not or one.release.get_state_display())]
        row.append(whole(used.retriever_positives))
        row += [whole(used.retriever.get(kind)) for kind in by_weight]
        row.append(whole(used.positives))
        row += [whole(used.ranker.get(kind)) for kind in by_gain]
        row += [whole(used.negatives), whole(used.dismissed), whole(used.assumed)]
        rows.append(row)
    return Table("learned", "What each round learned from", columns, rows, NO_ROUND)


def _funnel_table(rounds: Sequence[Round]) -> Table:
    hints = {
        "served": "Slots that releases filled on these days.",
        "viewed": "Of those, reported as seen by the browser.",
        "examined": "Of those, in visits that are over and with a label that says something.",
        "negative": "Of those, not chosen, or dismissed.",
        "used": "Of those, the rows that the ranker learned from.",
    }
    columns = [Column("Release"), Column("Days (UTC)")]
    columns += [Column(stage.capitalize(), numeric=True, hint=hints[stage]) for stage in Funnel.STAGES]
    columns.append(Column("Used of viewed", numeric=True))
    rows = []
    for one in rounds:
        if (funnel := one.funnel) is None:
            continue
        days = words(f"{funnel.first} to {funnel.last}")
        used = funnel.used / funnel.viewed if funnel.viewed else None
        rows.append([_release_cell(one), days, *(whole(count) for count in funnel.counts), share(used)])
    empty = "No ranker has learned from what readers viewed yet; until then rankers learn from history alone."
    return Table("negatives", "From slots to negatives, by round", columns, rows, empty)


def _without_release_table() -> Table:
    columns = [Column("Training"), Column("Began"), Column("Outcome"), Column("Why")]
    rows = [
        [
            words(f"{run.kind} training {run.pk}", url=_address_of_run(run.pk)),
            moment(run.started_at),
            words(run.state),
            words(run.outcome or "–"),
        ]
        for run in runs_without_release()
    ]
    return Table("without", "Newest rounds that made no release", columns, rows, "Every round so far made one.")


# --- cells ---


def _release_cell(one: Round) -> Cell:
    return Cell(str(one.release.pk), one.release.pk, reverse("staff:release", args=[one.release.pk]))


def _training_cell(one: Round) -> Cell:
    if one.run is None:
        return words("–", hint="It was not made by a training of this site.")
    return words(f"{one.run.kind} {one.run.pk}", url=_address_of_run(one.run.pk))


def _rate_cell(rate: Interval) -> Cell:
    return Cell(rate.text, rate.value)


def _change_cell(one: Round, count: str) -> Cell:
    change = one.change(count)
    return Cell(_points(change), change.value)


def _address_of_run(number: int) -> str:
    return reverse("staff:training_run", args=[number])


def _address_of_replaced(one: Round) -> str:
    return reverse("staff:release", args=[one.replaced]) if one.replaced else ""


def _slates_of(one: Round, slates: str) -> str:
    """What its numbers are made of; its own page for whoever may not look at slates. slates: their address, or ""."""
    number = one.release.pk
    return f"{slates}?release={number}" if slates else reverse("staff:release", args=[number])
