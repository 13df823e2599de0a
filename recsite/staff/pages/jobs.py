"""Periodic jobs: what each does and when, how its runs ended, the queue and the workers; pausing, changing, running."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from recsite.models import JobRun, StaffAction, TrainingRun
from recsite.requests import SiteRequest
from recsite.staff import broker, schedules, spans
from recsite.staff.access import JOBS, operator, reason_given, staff_page
from recsite.staff.answers import answer
from recsite.staff.broker import BrokerDown
from recsite.staff.charts import Chart, Series, Tile
from recsite.staff.schedules import Standing, standing_of, standings
from recsite.staff.tables import Cell, Column, Table, moment, whole, words

RUNS = 50
TRAININGS = 20
DRAWN = 200
LEAST_S, MOST_EVERY = 10, 10_000
_DAY = timedelta(days=1)
_UNITS = (
    (IntervalSchedule.SECONDS, "seconds"),
    (IntervalSchedule.MINUTES, "minutes"),
    (IntervalSchedule.HOURS, "hours"),
    (IntervalSchedule.DAYS, "days"),
)
_CRON = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
State = JobRun.State


class NotASchedule(ValueError):
    """What the form asks for is none. Its text is a sentence."""


# --- all ---


@staff_page
def jobs(request: SiteRequest) -> HttpResponse:
    """`?workers=1` asks the queue and the workers too, which takes a second: by itself where htmx asks for it."""
    asks_workers = "workers" in request.GET
    if asks_workers and request.htmx:
        context, tables = _queue_and_workers()
        return render(request, "staff/_workers.html", context | {"tables": {table.key: table for table in tables}})
    found = standings(now=request.now)
    runs = _filtered(request)
    context = {
        "title": _title(found),
        "tiles": _tiles(found, request),
        "workers_url": "?workers=1",
        "asks_workers": asks_workers,
        "older": _older(request, runs),
        "filtered": [(name, request.GET[name]) for name in ("task", "state") if request.GET.get(name)],
    }
    tables = [_schedules_table(found), _runs_table(runs, request), _trainings_table(request)]
    if asks_workers:
        more, more_tables = _queue_and_workers()
        context, tables = context | more, [*tables, *more_tables]
    return answer(request, "staff/jobs.html", context, tables=tables)


def _title(found: Sequence[Standing]) -> str:
    late = [one.job.name for one in found if one.is_late]
    failed = [one.job.name for one in found if one.failed]
    paused = [one.job.name for one in found if not one.job.enabled]
    if not found:
        return "No job has a schedule yet."
    if late or failed:
        return " ".join(
            f"{_listed(names)} {what}."
            for names, what in ((late, "should have run by now"), (failed, "failed last time"))
            if names
        )
    if paused:
        return f"Every job that is switched on runs on time. {_listed(paused)} {_is_or_are(paused)} paused."
    return "Every job runs on time."


def _listed(names: Sequence[str]) -> str:
    """A few names; more of them as a number."""
    if len(names) > 3:
        return f"{len(names)} jobs"
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _is_or_are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _tiles(found: Sequence[Standing], request: SiteRequest) -> list[Tile]:
    late, paused = sum(one.is_late for one in found), sum(not one.job.enabled for one in found)
    today = JobRun.objects.filter(started_at__gt=request.now - _DAY)
    by_state = Counter(dict(today.order_by().values_list("state").annotate(Count("pk"))))
    return [
        Tile("Late", f"{late:,}", f"of {len(found):,} jobs", alarm=late > 0),
        Tile(
            "Failed in 24 hours",
            f"{by_state[State.FAILED]:,}",
            f"of {by_state.total():,} runs",
            url="?state=failed",
            alarm=by_state[State.FAILED] > 0,
        ),
        Tile("Running", f"{by_state[State.RUNNING]:,}", "at this moment", url="?state=running"),
        Tile("Paused", f"{paused:,}", "switched off by staff"),
    ]


def _schedules_table(found: Sequence[Standing]) -> Table:
    columns = [
        Column("Job"),
        Column("What it does"),
        Column("When"),
        Column("State"),
        Column("Last run"),
        Column("Outcome"),
        Column("Took", numeric=True),
        Column("Next due"),
    ]
    return Table(
        "schedules",
        "Jobs",
        columns,
        [_schedule_row(one) for one in found],
        "Start the scheduler: it writes the schedules of the settings at its first start.",
    )


def _schedule_row(one: Standing) -> list[Cell]:
    job, last = one.job, one.last
    return [
        words(job.name, url=_job_url(job)),
        words(schedules.what(job.task) or job.task),
        words(schedules.when(job)),
        words(_state(one)),
        moment(last.started_at if last else None, url=_run_url(last) if last else ""),
        words(last.state if last else "–"),
        _took(last),
        moment(one.due),
    ]


def _state(one: Standing) -> str:
    if not one.job.enabled:
        return "paused"
    return "late" if one.is_late else "on time"


def _filtered(request: SiteRequest) -> QuerySet[JobRun]:
    """Raises Http404 for a state that there is not, and for what is no run."""
    found = JobRun.objects.defer("log")
    if task := request.GET.get("task"):
        # PostgreSQL takes no zeros, so it has no run of such a task.
        found = found.none() if "\0" in task else found.filter(task=task[:100])
    if state := request.GET.get("state"):
        if state not in State.values:
            raise Http404(f"A run is {', '.join(State.values)}, but not {state}.")
        found = found.filter(state=state)
    if before := request.GET.get("before"):
        last = JobRun.objects.filter(pk=before).first() if _is_number(before) else None
        if last is None:
            raise Http404(f"There is no run {before} to go on from.")
        found = found.filter(started_at__lt=last.started_at)
    return found[:RUNS]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 15


def _older(request: SiteRequest, runs: QuerySet[JobRun]) -> str:
    """The address of what comes after these."""
    rows = list(runs)
    if len(rows) < RUNS:
        return ""
    kept = {name: request.GET[name] for name in ("task", "state") if request.GET.get(name)}
    return f"?{urlencode(kept | {'before': rows[-1].pk})}"


def _runs_table(runs: Sequence[JobRun] | QuerySet[JobRun], request: SiteRequest) -> Table:
    columns = [
        Column("Begun"),
        Column("Task"),
        Column("State"),
        Column("Took", numeric=True),
        Column("Result"),
        Column("Worker"),
    ]
    rows = [
        [
            moment(run.started_at, url=_run_url(run)),
            words(_short(run.task), url=f"{reverse('staff:jobs')}?{urlencode({'task': run.task})}"),
            words(run.state),
            _took(run),
            words(_first_line(run.result) or "–"),
            words(run.worker),
        ]
        for run in runs
    ]
    filters_any = any(request.GET.get(name) for name in ("task", "state", "before"))
    empty = (
        "No run is like that. Take the filter away."
        if filters_any
        else "Start a worker: it writes every run down here."
    )
    return Table("runs", "Runs, the newest first", columns, rows, empty)


def _trainings_table(request: SiteRequest) -> Table:
    columns = [
        Column("Begun"),
        Column("Kind"),
        Column("State"),
        Column("Took", numeric=True),
        Column("Release"),
        Column("Outcome"),
    ]
    rows = []
    for run in TrainingRun.objects.defer("log")[:TRAININGS]:
        time = (run.finished_at or request.now) - run.started_at
        rows.append(
            [
                moment(run.started_at, url=reverse("staff:training_run", args=[run.pk])),
                words(run.kind),
                words(run.state),
                Cell(spans.took(time), time.total_seconds()),
                whole(run.release_id, url=_release_url(run.release_id)) if run.release_id else words("–"),
                words(run.outcome or "–"),
            ]
        )
    empty = "Nothing was trained yet. Run retrain-retriever, or: manage.py retrain all."
    return Table("trainings", "Trainings, the newest first", columns, rows, empty)


def _queue_and_workers() -> tuple[dict[str, Any], list[Table]]:
    try:
        lengths, found = broker.queue_lengths(), broker.workers()
    except BrokerDown as error:
        return {"broker_trouble": str(error)}, []
    queues = Table(
        "queues",
        "Queues",
        [Column("Queue"), Column("Waiting", numeric=True)],
        [[words(name), whole(count)] for name, count in lengths.items()],
    )
    workers = Table(
        "workers",
        "Workers that answered within a second",
        [Column("Worker"), Column("Processes", numeric=True), Column("At work on")],
        [
            [words(one.name), whole(one.processes), words(", ".join(map(_short, one.running)) or "nothing")]
            for one in found
        ],
        "None answered. Look whether one runs; one that trains may be too busy to answer.",
    )
    return {}, [queues, workers]


# --- one job ---


@staff_page
def job(request: SiteRequest, schedule_id: int) -> HttpResponse:
    row = _found(schedule_id)
    one = standing_of(row, now=request.now)
    runs = list(JobRun.objects.filter(task=row.task).defer("log")[:DRAWN])
    context = {
        "title": _job_title(one),
        "job": row,
        "what": schedules.what(row.task),
        "when": schedules.when(row),
        "standing": one,
        "may_act": request.user.has_perm(JOBS),
        "resume": [("enabled", "1")],
        "units": _UNITS,
        "cron": [(name, name.replace("_", " "), _cron_value(row, name)) for name in _CRON],
        "zone": row.crontab.timezone if row.crontab else "UTC",
    }
    tables = [_runs_table(runs[:RUNS], request), _trail_table(row)]
    return answer(request, "staff/job.html", context, tables=tables, charts=[_took_chart(runs, request)])


def _job_title(one: Standing) -> str:
    name = one.job.name
    if not one.job.enabled:
        return f"{name} is paused."
    if one.is_late:
        return f"{name} is late: it should have run by now."
    if one.failed:
        return f"{name} failed last time. It runs {schedules.when(one.job)}."
    return f"{name} runs {schedules.when(one.job)}."


def _took_chart(runs: Sequence[JobRun], request: SiteRequest) -> Chart:
    ended = [run for run in reversed(runs) if run.finished_at is not None]
    return Chart(
        "took",
        f"Seconds that each of the last {len(ended)} runs took",
        "number",
        [run.started_at for run in ended],
        [Series("Seconds", [(run.finished_at - run.started_at).total_seconds() for run in ended if run.finished_at])],
        as_of=request.now,
        empty="It has not run yet, or its runs were deleted after 30 days.",
    )


def _trail_table(row: PeriodicTask) -> Table:
    return Table(
        "trail",
        "What staff did to it",
        [Column("When"), Column("What"), Column("By"), Column("Why")],
        [
            [moment(done.at), words(done.action), words(done.by), words(done.reason or "–")]
            for done in StaffAction.objects.filter(about=_about(row))[:RUNS]
        ],
        "Nobody changed it from these pages.",
    )


def _cron_value(row: PeriodicTask, name: str) -> str:
    return getattr(row.crontab, name) if row.crontab else {"minute": "0", "hour": "3"}.get(name, "*")


# --- acting ---


@staff_page(needs=JOBS)
@require_POST
def run_now(request: SiteRequest, schedule_id: int) -> HttpResponse:
    row = _found(schedule_id)

    def act() -> str:
        broker.send(row)
        return "Sent. It begins as soon as a worker is free."

    return _acted(request, row, "run now", act)


@staff_page(needs=JOBS)
@require_POST
def pause(request: SiteRequest, schedule_id: int) -> HttpResponse:
    """Or, with `enabled=1`, resume."""
    row = _found(schedule_id)
    enabled = request.POST.get("enabled") == "1"

    def act() -> str:
        row.enabled = enabled
        row.save(update_fields=["enabled", "last_run_at", "date_changed"])
        return f"{row.name} {'runs again' if enabled else 'is paused'}. The scheduler takes it over within seconds."

    return _acted(request, row, "resume" if enabled else "pause", act)


@staff_page(needs=JOBS)
@require_POST
def change_schedule(request: SiteRequest, schedule_id: int) -> HttpResponse:
    """`kind` is "interval", with `every` and `period`, or "crontab", with its five fields."""
    row = _found(schedule_id)
    before = schedules.when(row)

    def act() -> str:
        row.interval, row.crontab = _asked_schedule(request, row)
        row.solar = row.clocked = None
        row.save(update_fields=["interval", "crontab", "solar", "clocked", "date_changed"])
        return f"{row.name} runs {schedules.when(row)}. It ran {before} before."

    return _acted(request, row, "change schedule", act)


def _asked_schedule(request: SiteRequest, row: PeriodicTask) -> tuple[IntervalSchedule | None, CrontabSchedule | None]:
    kind = request.POST.get("kind")
    if kind == "interval":
        return _asked_interval(request), None
    if kind == "crontab":
        return None, _asked_crontab(request, row)
    raise NotASchedule("Say whether it runs every so often, or by the clock.")


def _asked_interval(request: SiteRequest) -> IntervalSchedule:
    every, period = request.POST.get("every", "").strip(), request.POST.get("period", "")
    if not _is_number(every) or not 1 <= int(every) <= MOST_EVERY or period not in dict(_UNITS):
        raise NotASchedule(f"Give a whole number from 1 to {MOST_EVERY:,}, and seconds, minutes, hours or days.")
    if timedelta(**{period: int(every)}) < timedelta(seconds=LEAST_S):
        raise NotASchedule(f"Every {LEAST_S} seconds is as often as a job may run.")
    wanted = {"every": int(every), "period": period}
    return IntervalSchedule.objects.filter(**wanted).first() or IntervalSchedule.objects.create(**wanted)


def _asked_crontab(request: SiteRequest, row: PeriodicTask) -> CrontabSchedule:
    """In the zone that it had."""
    wanted: dict[str, Any] = {name: request.POST.get(name, "").strip() for name in _CRON}
    if row.crontab is not None:
        wanted["timezone"] = row.crontab.timezone
    schedule = CrontabSchedule(**wanted)
    try:
        schedule.full_clean()
        schedule.schedule  # noqa: B018 - days that no month has are found only here
    except (ValidationError, ValueError) as error:
        said = "; ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        raise NotASchedule(f"That is no time: {said}") from error
    same = CrontabSchedule.objects.filter(**wanted | {"timezone": schedule.timezone}).first()
    if same is not None:
        return same
    schedule.save()
    return schedule


def _acted(request: SiteRequest, row: PeriodicTask, action: str, act: Callable[[], str]) -> HttpResponse:
    """Do it and write it to the trail, both or neither, if a reason was given."""
    reason = reason_given(request)
    if reason is None:
        messages.error(request, "Nothing was changed: say why, for whoever wonders next month.")
        return redirect(_job_url(row))
    try:
        with transaction.atomic():
            StaffAction.objects.create(
                at=request.now, by=operator(request), action=action, about=_about(row), reason=reason
            )
            said = act()
    except (NotASchedule, BrokerDown) as error:
        messages.error(request, f"Nothing was changed. {error}")
    else:
        messages.success(request, said)
    return redirect(_job_url(row))


# --- one run ---


@staff_page
def job_run(request: SiteRequest, run_id: int) -> HttpResponse:
    run = JobRun.objects.filter(pk=run_id).first()
    if run is None:
        raise Http404("There is no such run. Runs are deleted after 30 days.")
    time = spans.took((run.finished_at or request.now) - run.started_at)
    said = {
        State.RUNNING: f"{_short(run.task)} has run for {time}.",
        State.DONE: f"{_short(run.task)} was done in {time}.",
        State.FAILED: f"{_short(run.task)} failed after {time}.",
    }
    context = {
        "title": said[State(run.state)],
        "run": run,
        "what": schedules.what(run.task),
        "jobs": PeriodicTask.objects.filter(task=run.task),
    }
    return answer(request, "staff/job_run.html", context)


@staff_page
def training_run(request: SiteRequest, run_id: int) -> HttpResponse:
    run = TrainingRun.objects.filter(pk=run_id).select_related("release").first()
    if run is None:
        raise Http404("There is no such training.")
    time = spans.took((run.finished_at or request.now) - run.started_at)
    kinds = TrainingRun.State
    said = {
        kinds.RUNNING: f"A {run.kind} has been in training for {time}.",
        kinds.PROMOTED: f"A {run.kind} was trained in {time} and went live.",
        kinds.NOT_PROMOTED: f"A {run.kind} training took {time}, and nothing went live.",
        kinds.SKIPPED: f"A {run.kind} training found nothing to do.",
        kinds.FAILED: f"A {run.kind} training failed after {time}.",
        kinds.LOST: f"A {run.kind} training was lost with its process.",
    }
    context = {"title": said[kinds(run.state)], "run": run, "took": time}
    return answer(request, "staff/training_run.html", context)


# --- cells and addresses ---


def _found(schedule_id: int) -> PeriodicTask:
    row = PeriodicTask.objects.select_related("interval", "crontab").filter(pk=schedule_id).first()
    if row is None:
        raise Http404("There is no such job.")
    return row


def _about(row: PeriodicTask) -> str:
    return f"job {row.name}"[:120]


def _took(run: JobRun | None) -> Cell:
    """Nothing for one that runs."""
    if run is None or run.finished_at is None:
        return Cell("–", None)
    time = run.finished_at - run.started_at
    return Cell(spans.took(time), time.total_seconds())


def _short(task: str) -> str:
    """`recsite.tasks.keep_log` is keep_log."""
    return task.rpartition(".")[2]


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= 120 else f"{line[:119]}…"


def _job_url(row: PeriodicTask) -> str:
    return reverse("staff:job", args=[row.pk])


def _run_url(run: JobRun) -> str:
    return reverse("staff:job_run", args=[run.pk])


def _release_url(release_id: int) -> str:
    return reverse("staff:release", args=[release_id])
