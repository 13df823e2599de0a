"""Releases: which is live, how good each was measured to be, how two differ, and going forward and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.contrib import messages
from django.db.models.fields.json import KT
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from catalog.models import Item
from recsite.models import Release, TrainingRun
from recsite.releases.loading import ReleaseBroken
from recsite.releases.registry import (
    ReleaseStateError,
    Seen,
    live_release,
    previous_release,
    release_live_at,
)
from recsite.releases.registry import (
    promote as let_go_live,
)
from recsite.releases.registry import (
    refuse as never_go_live,
)
from recsite.releases.registry import (
    roll_back as go_back,
)
from recsite.releases.said import differences, flat, relative_change
from recsite.requests import SiteRequest
from recsite.staff import release_report as report_of
from recsite.staff import spans
from recsite.staff.access import PERSONAL, RELEASES, operator, reason_given, staff_page
from recsite.staff.answers import answer
from recsite.staff.charts import Chart, Series, Tile
from recsite.staff.loaded_releases import ReleaseUnavailable, make_sure_it_serves
from recsite.staff.release_comparison import READERS, SLOTS, SlateChanges, slate_changes
from recsite.staff.release_report import AGAINST, CANDIDATE, LIVE, MEASURES, Measure, Relative
from recsite.staff.tables import Cell, Column, Table, moment, number, share, whole, words

LISTED = 100
_ITEMS = 20
State = Release.State

_VERDICTS = {"promote": "passed", "refuse": "refused", "undecided": "undecided", "": "–"}
_NOT_PART_OF_THE_REST = {"measured", "differences", "verdict", "windows", "learned"}


# --- the list ---


@staff_page
def releases(request: SiteRequest) -> HttpResponse:
    rows = list(_listed(before=_whole_number(request, "before")))
    live, back = live_release(), previous_release()
    context = {
        "title": _title(live, request),
        "tiles": _tiles(live, back, request),
        "choices": [row.pk for row in rows],
        "pair": _default_pair(live, back, rows),
        "older": rows[-1].pk if len(rows) == LISTED else None,
        **_acts_on_live(live, back, request),
    }
    tables, charts = [_list_table(rows, live, back)], [_chart(rows, request)]
    return answer(request, "staff/releases.html", context, tables=tables, charts=charts)


def _listed(*, before: int | None) -> Any:
    """Without their reports, which are long."""
    found = Release.objects.defer("report", "config").annotate(
        change=KT("report__change"),
        verdict=KT("report__verdict__outcome"),
        to_live=report_of.within("differences", LIVE),
        on_visits=report_of.within("measured", report_of.VISITS, CANDIDATE),
        on_answers=report_of.within("measured", CANDIDATE, "ndcg_at_10 funnel"),
    )
    return (found if before is None else found.filter(pk__lt=before))[:LISTED]


def _list_table(rows: Sequence[Any], live: Release | None, back: Release | None) -> Table:
    columns = [
        Column("Release", numeric=True),
        Column("State"),
        Column("Made"),
        Column("Live since", hint="When it went live the last time."),
        Column("Learned until", hint="The newest interaction that its retriever may know."),
        Column("What is new"),
        Column("Gate"),
        Column("NDCG@10", numeric=True, hint="As the gate judged it, on its window: windows differ."),
        Column("Against live", numeric=True, hint="Against the release that was live then, with its 95% interval."),
        Column("Compared"),
    ]
    return Table(
        "releases",
        "Releases, the newest first",
        columns,
        [_list_row(row, live, back) for row in rows],
        "There is no release yet. Make the first one: manage.py retrain all.",
    )


def _list_row(row: Any, live: Release | None, back: Release | None) -> list[Cell]:
    to_live = report_of.relative_of(row.to_live)
    ndcg = row.on_answers if row.on_visits is None else row.on_visits
    compared = Cell("–", "")
    if live is not None and row.pk != live.pk:
        compared = words("with live", url=_compare_url(live.pk, row.pk))
    return [
        whole(row.pk, url=_url(row.pk)),
        words("way back" if row == back else row.state),
        moment(row.created_at),
        moment(row.live_since),
        moment(row.retriever_until),
        words(row.change or "–"),
        words(_VERDICTS.get(row.verdict or "", row.verdict)),
        number(ndcg, 4),
        _relative(to_live),
        compared,
    ]


def _chart(rows: Sequence[Any], request: SiteRequest) -> Chart:
    """Oldest first; those that were compared with nothing live are left out."""
    compared = [(row.created_at, found) for row in reversed(rows) if (found := report_of.relative_of(row.to_live))]
    return Chart(
        "steps",
        "Each release against the one that was live",
        "share",
        [made for made, _ in compared],
        [
            Series(
                "Order, relative",
                [found.value for _, found in compared],
                [found.lower for _, found in compared],
                [found.upper for _, found in compared],
            )
        ],
        as_of=request.now,
        empty="The first release has nothing live to be compared with; the second one begins this chart.",
    )


def _title(live: Release | None, request: SiteRequest) -> str:
    if live is None:
        return "No release is live: readers are served by rules."
    return f"Release {live.pk} is live. It is {spans.roughly(request.now - live.created_at)} old."


def _tiles(live: Release | None, back: Release | None, request: SiteRequest) -> list[Tile]:
    if live is None:
        return []
    to_live = report_of.relative(live.report, LIVE)
    since = live.live_since or live.created_at
    return [
        Tile("Live", f"Release {live.pk}", f"for {spans.roughly(request.now - since)}", url=_url(live.pk)),
        Tile(
            "Learned until",
            f"{spans.roughly(request.now - live.retriever_until)} ago",
            "the newest interaction that its retriever may know",
        ),
        Tile(
            "Better than the one before",
            report_of.signed(to_live.value) if to_live else "–",
            f"95% sure: {to_live}" if to_live else "nothing was live to compare it with",
            url=_url(live.pk),
        ),
        Tile(
            "Way back",
            f"Release {back.pk}" if back else "none",
            "what a roll back leads to" if back else "no release was live before this one",
            url=_url(back.pk) if back else "",
        ),
    ]


def _default_pair(live: Release | None, back: Release | None, rows: Sequence[Release]) -> tuple[int, int] | None:
    """What is offered for comparison: the way back with the live one, else the two newest."""
    if live is not None and back is not None:
        return back.pk, live.pk
    return (rows[1].pk, rows[0].pk) if len(rows) > 1 else None


# --- one ---


@staff_page
def release(request: SiteRequest, release_id: int) -> HttpResponse:
    row = _found(release_id)
    live, back = live_release(), previous_release()
    context = {
        "title": _sentence(row, back, request),
        "release": row,
        "reasons": report_of.reasons(row.report),
        "alarm": row.report.get("alarm") or "",
        "tiles": _release_tiles(row),
        "windows": list(_windows(row)),
        "pair": None if live is None or live == row else _compare_url(live.pk, row.pk),
        "live": live,
        "may_promote": row.state in {State.CANDIDATE, State.RETIRED},
        "may_refuse": row.state in {State.CANDIDATE, State.RETIRED},
        "promote_words": _promote_words(row, live),
        "acts_on_this": _form_fields(live, row),
        **_acts_on_live(live, back, request),
    }
    tables = [
        _measured_table(row),
        _differences_table(row),
        _checks_table(row),
        _events_table(row),
        _trainings_table(row),
        _flat_table("config", "Config", row.config),
        _flat_table("rest", "The rest of the report", _rest(row.report)),
    ]
    return answer(request, "staff/release.html", context, tables=tables)


def _sentence(row: Release, back: Release | None, request: SiteRequest) -> str:
    age = spans.roughly(request.now - row.created_at)
    if row.state == State.LIVE:
        return f"Release {row.pk} is live. It is {age} old."
    if row == back:
        return f"Release {row.pk} is the way back. It is {age} old."
    if row.state == State.REFUSED:
        return f"Release {row.pk} was refused. It will not go live."
    if row.state == State.RETIRED:
        return f"Release {row.pk} was live, and another one took its place."
    return f"Release {row.pk} is a candidate. It has not been live."


def _release_tiles(row: Release) -> list[Tile]:
    report = row.report
    ndcg, to_live = report_of.judged_ndcg(report), report_of.relative(report, LIVE)
    to_popularity = report_of.relative(report, report_of.POPULARITY)
    positives, readers = report_of.learned(report, "positives"), report_of.learned(report, "readers")
    return [
        Tile("NDCG@10", report_of.formed(ndcg, "number"), f"judged by {report.get('order judged by', 'nobody')}"),
        Tile("Against live", report_of.signed(to_live.value if to_live else None), _sure(to_live)),
        Tile(
            "Against popularity",
            report_of.signed(to_popularity.value if to_popularity else None),
            _sure(to_popularity),
        ),
        Tile(
            "Learned from",
            report_of.formed(positives, "count"),
            "positives" if readers is None else f"positives of {report_of.formed(readers, 'count')} readers",
        ),
    ]


def _sure(found: Relative | None) -> str:
    if found is None:
        return "not compared"
    return f"95% sure: {report_of.signed(found.lower)} to {report_of.signed(found.upper)}"


def _measured_table(row: Release) -> Table:
    """A column for each whose lists were measured on the same window."""
    names = report_of.names(row.report)
    by_name = {name: report_of.measured(row.report, name) for name in names}
    keys = dict.fromkeys(key for values in by_name.values() for key in values)
    rows = [[_measure_cell(key), *(_formed(key, by_name[name].get(key)) for name in names)] for key in keys]
    visits = report_of.on_visits(row.report)
    if visits and names:
        told = f"NDCG@10 on {report_of.formed(visits.get('visits'), 'count')} viewed visits"
        rows.insert(0, [Cell(told, "ndcg_at_10 viewed visits"), *(number(visits.get(name), 4) for name in names)])
    heads = {CANDIDATE: "This release", LIVE: "Live then", report_of.MONTH: "30 days before"}
    return Table(
        "measured",
        "What the gate measured, everybody on the same window",
        [Column("Measure"), *(Column(heads[name], numeric=True) for name in names)],
        rows,
        "Its report has no measurements: it was made without a gate.",
    )


def _differences_table(row: Release) -> Table:
    found = report_of.relatives(row.report)
    return Table(
        "differences",
        "How it differs, with 95% intervals",
        [Column("Difference"), *(Column(head, numeric=True) for head in ("Relative", "From", "To"))],
        [
            [Cell(AGAINST.get(name, name), name), _signed(one.value), _signed(one.lower), _signed(one.upper)]
            for name, one in found.items()
        ],
        "Its report compares it with nothing.",
    )


def _checks_table(row: Release) -> Table:
    said = {True: "kept", False: "not kept", None: "not known"}
    return Table(
        "checks",
        "The gate's limits, beside what was measured",
        [Column("What"), Column("Measured", numeric=True), Column("Limit", numeric=True), Column("Verdict")],
        [
            [words(check.what), words(check.measured), words(check.limit), words(said[check.holds])]
            for check in report_of.checks(row.report)
        ],
        "Its report has no verdict: it was made without a gate.",
    )


def _windows(row: Release) -> Iterator[tuple[str, Any, Any]]:
    yield "The retriever learned", row.retriever_since, row.retriever_until
    if row.ranker_until is not None:
        yield "The ranker learned", row.ranker_since, row.ranker_until
    if row.gate_until is not None:
        yield "The gate measured", row.gate_since, row.gate_until


def _events_table(row: Release) -> Table:
    return Table(
        "events",
        "What was done to it",
        [Column("When"), Column("What"), Column("By"), Column("Why")],
        [
            [moment(event.at), words(event.action), words(event.by), words(event.reason or "–")]
            for event in row.events.all()
        ],
    )


def _trainings_table(row: Release) -> Table:
    runs = TrainingRun.objects.filter(release=row).defer("log")
    return Table(
        "trainings",
        "Trainings that made it",
        [Column("Begun"), Column("Kind"), Column("State"), Column("Took"), Column("Outcome")],
        [
            [
                moment(run.started_at, url=reverse("staff:training_run", args=[run.pk])),
                words(run.kind),
                words(run.state),
                words("–" if run.finished_at is None else spans.took(run.finished_at - run.started_at)),
                words(run.outcome),
            ]
            for run in runs
        ],
        "No training is on record for it.",
    )


def _flat_table(key: str, caption: str, values: Any) -> Table:
    rows = [[words(name), words(text)] for name, text in flat(values) if name]
    return Table(key, caption, [Column("Name"), Column("Value")], rows, "Nothing is kept.")


def _rest(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name not in _NOT_PART_OF_THE_REST}


# --- two ---


@staff_page
def compare(request: SiteRequest) -> HttpResponse:
    """`?one=11&other=12`; with `?slates=1` also what both would show, which takes seconds the first time."""
    pair = _asked_pair(request)
    if pair is None:
        nothing = {"title": "There are no two releases to compare yet.", "pair": None}
        return answer(request, "staff/release_comparison.html", nothing)
    one, other = pair
    slates = _slates_of(request, one, other) if "slates" in request.GET else {}
    tables = [_side_by_side(one, other), _difference_table(one, other), _differing_table(one, other)]
    context: dict[str, Any] = {
        "title": f"Release {other.pk} beside release {one.pk}",
        "pair": pair,
        "ids": (one.pk, other.pk),
        "choices": list(Release.objects.values_list("pk", flat=True)[:LISTED]),
        "direct": _direct(one, other),
        "slates_url": f"{_compare_url(one.pk, other.pk)}&slates=1",
        "readers": READERS,
        **slates.get("context", {}),
    }
    tables += slates.get("tables", [])
    template = "staff/release_comparison.html"
    if request.htmx and "slates" in request.GET:
        return render(request, "staff/_release_slates.html", context | {"tables": {one.key: one for one in tables}})
    return answer(request, template, context, tables=tables)


def _asked_pair(request: SiteRequest) -> tuple[Release, Release] | None:
    one, other = _whole_number(request, "one"), _whole_number(request, "other")
    if one is not None and other is not None:
        return _found(one), _found(other)
    newest = list(Release.objects.defer("report", "config")[:2])
    pair = _default_pair(live_release(), previous_release(), newest)
    return None if pair is None else (_found(pair[0]), _found(pair[1]))


def _direct(one: Release, other: Release) -> str:
    """What was measured of the two on the same window, where one was live when the other was judged."""
    for mine, theirs in ((other, one), (one, other)):
        found = report_of.relative(mine.report, LIVE)
        if found is not None and release_live_at(mine.created_at) == theirs:
            return (
                f"Release {mine.pk} was measured against release {theirs.pk}, which was live then, on the same window: "
                f"{report_of.better_or_worse(found)}."
            )
    return "They were not measured on the same window, so their own numbers say little of each other."


def _side_by_side(one: Release, other: Release) -> Table:
    left, right = report_of.measured(one.report), report_of.measured(other.report)
    rows = []
    for key in dict.fromkeys([*left, *right]):
        was, now = left.get(key), right.get(key)
        change = relative_change(str(was), str(now))
        rows.append([_measure_cell(key), _formed(key, was), _formed(key, now), _signed(change)])
    return Table(
        "measures",
        "What was measured of each, on a window of its own",
        [Column("Measure"), *(Column(head, numeric=True) for head in (_head(one), _head(other), "Change"))],
        rows,
        "Neither report has measurements.",
    )


def _difference_table(one: Release, other: Release) -> Table:
    left, right = report_of.relatives(one.report), report_of.relatives(other.report)
    return Table(
        "against",
        "How each differed from others, with 95% intervals",
        [Column("Difference"), Column(_head(one), numeric=True), Column(_head(other), numeric=True)],
        [
            [Cell(AGAINST.get(name, name), name), _relative(left.get(name)), _relative(right.get(name))]
            for name in dict.fromkeys([*left, *right])
        ],
        "Neither report compares it with anything.",
    )


def _differing_table(one: Release, other: Release) -> Table:
    """Config and the record; numbers of reports stand in the other tables."""
    found = [row for row in differences(one, other) if not row[0].startswith("report.")]
    return Table(
        "differing",
        "Where configs, files and windows differ",
        [Column("Name"), Column(_head(one)), Column(_head(other))],
        [[words(name), words(left), words(right)] for name, left, right in found],
        "They differ in nothing that is kept of them.",
    )


def _slates_of(request: SiteRequest, one: Release, other: Release) -> dict[str, Any]:
    try:
        found = slate_changes(one.pk, other.pk, now=request.now)
    except ReleaseUnavailable as error:
        return {"context": {"slates_trouble": str(error), "has_slates": True}}
    titles = _titles([item for item, _ in [*found.entered()[:_ITEMS], *found.left()[:_ITEMS]]])
    return {
        "context": {"has_slates": True, "changes": found, "overlap": found.overlap, "slots": SLOTS},
        "tables": [
            _readers_table(found, names=request.user.has_perm(PERSONAL)),
            _items_table("entered", f"Items that release {other.pk} brings", found.entered(), titles),
            _items_table("left", f"Items that go with release {one.pk}", found.left(), titles),
        ],
    }


def _readers_table(found: SlateChanges, *, names: bool) -> Table:
    """names: whether this person may see who the readers are."""
    rows = []
    for number_, change in enumerate(found.readers, start=1):
        who = words(f"Reader {number_}")
        if names:
            who = words(str(change.public_id)[:8], url=reverse("staff:reader", args=[change.public_id]))
        rows.append([who, share(change.overlap), whole(len(change.entered)), whole(len(change.left))])
    return Table(
        "readers",
        "The readers whose page changes most",
        [
            Column("Reader"),
            *(Column(head, numeric=True) for head in (f"Overlap of {SLOTS}", "Entered", "Left")),
        ],
        rows,
        "Nobody with a personal feed opened it within a week, so there is nobody to ask for.",
    )


def _items_table(key: str, caption: str, counts: Sequence[tuple[int, int]], titles: dict[int, str]) -> Table:
    return Table(
        key,
        caption,
        [Column("Item"), Column("Readers", numeric=True)],
        [
            [words(titles.get(item, f"deleted item {item}"), url=reverse("staff:item", args=[item])), whole(count)]
            for item, count in islice(counts, _ITEMS)
        ],
        "None.",
    )


def _titles(item_ids: Sequence[int]) -> dict[int, str]:
    return dict(Item.objects.filter(pk__in=item_ids).values_list("pk", "title"))


# --- changing which is live ---


@staff_page(needs=RELEASES)
@require_POST
def promote(request: SiteRequest, release_id: int) -> HttpResponse:
    row = _found(release_id)

    def act(reason: str, seen: Seen) -> str:
        make_sure_it_serves(row)
        let_go_live(row, by=operator(request), reason=reason, now=request.now, seen=seen)
        return f"Release {row.pk} is live. Processes take it over within seconds."

    return _acted(request, act, back_to=_url(row.pk))


@staff_page(needs=RELEASES)
@require_POST
def roll_back(request: SiteRequest) -> HttpResponse:
    def act(reason: str, seen: Seen) -> str:
        row = go_back(by=operator(request), reason=reason, now=request.now, check=make_sure_it_serves, seen=seen)
        return f"Release {row.pk} is live again. Processes take it over within seconds."

    return _acted(request, act, back_to=reverse("staff:releases"))


@staff_page(needs=RELEASES)
@require_POST
def refuse(request: SiteRequest, release_id: int) -> HttpResponse:
    row = _found(release_id)

    def act(reason: str, seen: Seen) -> str:
        never_go_live(row, by=operator(request), reason=reason, now=request.now, seen=seen)
        return f"Release {row.pk} is refused. It will not go live."

    return _acted(request, act, back_to=_url(row.pk))


def _acted(request: SiteRequest, act: Callable[[str, Seen], str], *, back_to: str) -> HttpResponse:
    """Do it, if a reason was given and the form says what was looked at, and say on the next page what came of it."""
    reason = reason_given(request)
    if reason is None:
        messages.error(request, "Nothing was changed: say why, for whoever wonders next month.")
        return redirect(back_to)
    seen = _seen(request)
    if seen is None:
        messages.error(
            request, "Nothing was changed: the form does not say which release was live. Decide on this page anew."
        )
        return redirect(back_to)
    try:
        messages.success(request, act(reason, seen))
    except (ReleaseStateError, ReleaseBroken, ReleaseUnavailable) as error:
        messages.error(request, f"Nothing was changed. {error}")
    return redirect(back_to)


def _seen(request: SiteRequest) -> Seen | None:
    """What the form was made for, as `_form_fields` writes it; None for a form that does not say so."""
    live, back = (request.POST.get(name, "") for name in ("live", "back"))
    if not all(text.isascii() and text.isdigit() and len(text) <= 9 for text in (live, back)):
        return None
    return Seen(int(live) or None, int(back) or None)


def _form_fields(live: Release | None, back: Release | None) -> list[tuple[str, int]]:
    """Hidden in a form, so that it does nothing once something else went live. 0 is none; back: the one to act on."""
    return [("live", live.pk if live else 0), ("back", back.pk if back else 0)]


def _acts_on_live(live: Release | None, back: Release | None, request: SiteRequest) -> dict[str, Any]:
    return {
        "may_act": request.user.has_perm(RELEASES),
        "goes_back": _form_fields(live, back),
        "roll_back_words": None
        if live is None or back is None
        else (
            f"Release {back.pk} goes live again for every reader within seconds, and release {live.pk} is retired. "
            f"Release {live.pk} is no way back any more until it is promoted again."
        ),
    }


def _promote_words(row: Release, live: Release | None) -> str:
    goes_live = f"Release {row.pk} goes live for every reader within seconds, once its files are loaded and checked."
    if live is None:
        return f"{goes_live} Nothing is live now."
    return f"{goes_live} Release {live.pk} is retired; a roll back brings it back."


# --- cells and addresses ---


def _found(release_id: int) -> Release:
    row = Release.objects.filter(pk=release_id).first()
    if row is None:
        raise Http404(f"There is no release {release_id}.")
    return row


def _whole_number(request: SiteRequest, name: str) -> int | None:
    """Raises Http404 for what is none."""
    text = request.GET.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Http404(f"{name} is the number of a release, but it is {text}.")
    return int(text)


def _url(release_id: int) -> str:
    return reverse("staff:release", args=[release_id])


def _compare_url(one: int, other: int) -> str:
    return f"{reverse('staff:compare_releases')}?{urlencode({'one': one, 'other': other})}"


def _head(row: Release) -> str:
    return f"Release {row.pk}"


def _measure_cell(key: str) -> Cell:
    measure = MEASURES.get(key)
    return Cell(key, key) if measure is None else Cell(measure.name, key, hint=measure.hint)


def _formed(key: str, value: float | None) -> Cell:
    return Cell(report_of.formed(value, MEASURES.get(key, Measure(key, "number", "")).form), value)


def _signed(value: float | None) -> Cell:
    return Cell(report_of.signed(value), value)


def _relative(found: Relative | None) -> Cell:
    return Cell("–", None) if found is None else Cell(str(found), found.value)
