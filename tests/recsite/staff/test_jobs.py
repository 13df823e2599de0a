"""The pages of jobs: schedules, runs, trainings, and what staff may do to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from pytest_django.fixtures import Settings

from recsite import clock
from recsite.models import JobRun, StaffAction, TrainingRun
from recsite.staff import broker
from recsite.staff.broker import Worker
from tests.factories import NOW
from tests.recsite.releases.rows import make_candidate

pytestmark = pytest.mark.django_db

LIST = "/staff/jobs/"
KEEP = "recsite.tasks.keep_log"


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda request=None: NOW)


@pytest.fixture
def hourly() -> PeriodicTask:
    return make_job()


def make_job(name: str = "keep-log", task: str = KEEP, *, every: int = 1, period: str = "hours") -> PeriodicTask:
    """Sent last half an hour ago."""
    interval = IntervalSchedule.objects.get_or_create(every=every, period=period)[0]
    job = PeriodicTask.objects.create(name=name, task=task, interval=interval)
    sent = NOW - timedelta(minutes=30)
    PeriodicTask.objects.filter(pk=job.pk).update(last_run_at=sent, date_changed=NOW - timedelta(days=3))
    job.refresh_from_db()
    return job


def make_run(*, ago: timedelta = timedelta(minutes=30), took_s: float | None = 3.0, **fields: Any) -> JobRun:
    begun = NOW - ago
    values = {
        "task": KEEP,
        "task_id": f"run-{JobRun.objects.count()}",
        "worker": "default@here",
        "state": "running" if took_s is None else "done",
        "started_at": begun,
        "finished_at": None if took_s is None else begun + timedelta(seconds=took_s),
    }
    return JobRun.objects.create(**values | fields)


def context(client: Client, path: str = LIST) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.context


def texts(table: Any) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def url(job: PeriodicTask, action: str = "") -> str:
    return f"{LIST}{job.pk}/{action}"


def said(client: Client, path: str, **fields: Any) -> str:
    answer = client.post(path, fields, follow=True)
    assert answer.redirect_chain
    return " ".join(str(message) for message in answer.context["messages"])


# --- the list ---


def test_each_job_says_what_it_does_when_it_ran_and_when_it_is_due(admin_client: Client, hourly: PeriodicTask) -> None:
    run = make_run(result="{'slates deleted': 3}")
    found = context(admin_client)
    assert found["title"] == "Every job runs on time."
    (row,) = found["tables"]["schedules"].rows
    assert [cell.text for cell in row] == [
        "keep-log",
        "Make room for the months to come and drop what is older than its time.",
        "every hour",
        "on time",
        "2026-03-01 11:30:00 UTC",
        "done",
        "3.0 s",
        "2026-03-01 12:30:00 UTC",
    ]
    assert row[0].url == url(hourly)
    assert row[4].url == f"{LIST}runs/{run.pk}/"


@pytest.mark.parametrize(
    ("ago", "late"),
    [(timedelta(minutes=90), False), (timedelta(hours=2, seconds=-1), False), (timedelta(hours=3), True)],
)
def test_a_job_is_late_after_as_much_again_as_lies_between_two_runs(
    admin_client: Client, hourly: PeriodicTask, ago: timedelta, late: bool
) -> None:
    PeriodicTask.objects.update(last_run_at=NOW - ago)
    make_run(ago=ago)
    found = context(admin_client)
    assert texts(found["tables"]["schedules"])[0][3] == ("late" if late else "on time")
    assert ("keep-log should have run by now." in found["title"]) is late


def test_a_job_that_runs_at_this_moment_is_not_late(admin_client: Client, hourly: PeriodicTask) -> None:
    PeriodicTask.objects.update(last_run_at=NOW - timedelta(hours=5))
    make_run(ago=timedelta(hours=5), took_s=None)
    assert texts(context(admin_client)["tables"]["schedules"])[0][3] == "on time"


def test_the_scheduler_may_lag_where_a_run_tells_more(admin_client: Client, hourly: PeriodicTask) -> None:
    PeriodicTask.objects.update(last_run_at=NOW - timedelta(hours=5))
    make_run(ago=timedelta(minutes=10))
    assert texts(context(admin_client)["tables"]["schedules"])[0][3::4] == ["on time", "2026-03-01 12:50:00 UTC"]


def test_a_run_by_hand_does_not_move_the_schedule(admin_client: Client, hourly: PeriodicTask) -> None:
    make_run(ago=timedelta(minutes=5))
    assert texts(context(admin_client)["tables"]["schedules"])[0][7] == "2026-03-01 12:30:00 UTC"


def test_a_job_that_never_ran_is_late_after_its_schedule_was_made(admin_client: Client, hourly: PeriodicTask) -> None:
    PeriodicTask.objects.update(last_run_at=None)
    assert texts(context(admin_client)["tables"]["schedules"])[0][3:6] == ["late", "–", "–"]


def test_a_job_by_the_clock_is_due_at_its_time(admin_client: Client, hourly: PeriodicTask) -> None:
    nightly = CrontabSchedule.objects.create(minute="10", hour="3")
    PeriodicTask.objects.update(interval=None, crontab=nightly, last_run_at=NOW.replace(hour=3, minute=10))
    row = texts(context(admin_client)["tables"]["schedules"])[0]
    assert "03:10" in row[2]
    assert row[7] == "2026-03-02 03:10:00 UTC"
    PeriodicTask.objects.update(last_run_at=NOW.replace(hour=3, minute=10) - timedelta(days=1))
    assert texts(context(admin_client)["tables"]["schedules"])[0][3] == "late"


def test_the_title_names_what_is_paused_and_what_failed(admin_client: Client, hourly: PeriodicTask) -> None:
    PeriodicTask.objects.update(enabled=False)
    assert context(admin_client)["title"] == "Every job that is switched on runs on time. keep-log is paused."
    make_run(state="failed", result="OSError: full")
    make_job("prune", "recsite.tasks.prune_releases")
    found = context(admin_client)
    assert found["title"] == "keep-log failed last time."
    assert [tile.value for tile in found["tiles"]] == ["0", "1", "0", "1"]


def test_tiles_count_the_runs_of_the_last_day(admin_client: Client) -> None:
    for hours, state in ((1, "failed"), (2, "done"), (23, "failed"), (25, "failed")):
        make_run(ago=timedelta(hours=hours), state=state)
    make_run(ago=timedelta(minutes=1), took_s=None)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE state = 'failed'), count(*) FROM recsite_jobrun WHERE started_at > %s",
            [NOW - timedelta(hours=24)],
        )
        failed, runs = cursor.fetchone()
    tiles = {tile.label: tile for tile in context(admin_client)["tiles"]}
    assert (tiles["Failed in 24 hours"].value, tiles["Failed in 24 hours"].detail) == (str(failed), f"of {runs} runs")
    assert failed == 2
    assert tiles["Running"].value == "1"


def test_a_job_that_the_code_does_not_have_is_shown_by_its_name(admin_client: Client) -> None:
    make_job("old", "elsewhere.tasks.gone")
    assert texts(context(admin_client)["tables"]["schedules"])[0][1] == "elsewhere.tasks.gone"


def test_the_number_of_queries_does_not_grow_with_the_jobs(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        make_job(f"job-{number}", f"elsewhere.tasks.job_{number}")
        make_run(task=f"elsewhere.tasks.job_{number}")
    with django_assert_max_num_queries(15):
        admin_client.get(LIST)


def test_runs_are_filtered_by_task_and_state(admin_client: Client) -> None:
    make_run(result="mine")
    make_run(task="recsite.tasks.prune_releases", state="failed", result="theirs")
    assert [row[4] for row in texts(context(admin_client, f"{LIST}?task={KEEP}")["tables"]["runs"])] == ["mine"]
    assert [row[4] for row in texts(context(admin_client, f"{LIST}?state=failed")["tables"]["runs"])] == ["theirs"]
    assert "Take the filter away" in context(admin_client, f"{LIST}?task=none")["tables"]["runs"].empty


@pytest.mark.parametrize("task", ["%00", f"{KEEP}%00"])
def test_no_run_is_of_a_task_that_no_database_could_hold(admin_client: Client, task: str) -> None:
    make_run()
    runs = context(admin_client, f"{LIST}?task={task}")["tables"]["runs"]
    assert (runs.rows, runs.empty) == ([], "No run is like that. Take the filter away.")


def test_runs_go_on_page_by_page(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsite.staff.pages.jobs.RUNS", 2)
    for minutes in (1, 2, 3):
        make_run(ago=timedelta(minutes=minutes), result=f"{minutes} ago")
    found = context(admin_client)
    assert [row[4] for row in texts(found["tables"]["runs"])] == ["1 ago", "2 ago"]
    assert [row[4] for row in texts(context(admin_client, LIST + found["older"])["tables"]["runs"])] == ["3 ago"]


@pytest.mark.parametrize("query", ["state=lost", "before=x", "before=4711", "csv=nothing", "json=nothing"])
def test_what_the_list_cannot_be_asked_is_not_found(admin_client: Client, query: str) -> None:
    assert admin_client.get(f"{LIST}?{query}").status_code == 404


def test_empty_lists_say_what_fills_them(admin_client: Client) -> None:
    page = admin_client.get(LIST).content.decode()
    assert "No job has a schedule yet." in page
    assert "Start a worker" in page
    assert "manage.py retrain all" in page


# --- the queue and the workers ---


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "queue_lengths", lambda: {"default": 4, "training": 0})
    monkeypatch.setattr(broker, "workers", lambda: [Worker("default@here", 2, (KEEP,)), Worker("idle@here", 1, ())])


def test_the_page_does_not_wait_for_the_workers(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "workers", None)
    monkeypatch.setattr(broker, "queue_lengths", None)
    assert 'hx-get="?workers=1"' in admin_client.get(LIST).content.decode()


def test_queues_and_workers_come_as_a_part_and_without_javascript_as_a_page(
    admin_client: Client, answering: None
) -> None:
    part = admin_client.get(f"{LIST}?workers=1", headers={"HX-Request": "true"})
    whole = admin_client.get(f"{LIST}?workers=1")
    assert b"<html" not in part.content
    assert b"<html" in whole.content
    for answer in (part, whole):
        assert texts(answer.context["tables"]["queues"]) == [["default", "4"], ["training", "0"]]
        assert texts(answer.context["tables"]["workers"]) == [
            ["default@here", "2", "keep_log"],
            ["idle@here", "1", "nothing"],
        ]


def test_a_dead_queue_is_said_and_the_page_stays(admin_client: Client, settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    page = admin_client.get(f"{LIST}?workers=1").content.decode()
    assert "The queue of jobs does not answer. Look whether Redis runs" in page


# --- one job, and what may be done to it ---


def test_a_job_shows_its_runs_how_long_they_took_and_its_trail(admin_client: Client, hourly: PeriodicTask) -> None:
    make_run(ago=timedelta(minutes=30), took_s=3)
    make_run(ago=timedelta(minutes=90), took_s=5)
    make_run(task="recsite.tasks.prune_releases")
    StaffAction.objects.create(at=NOW, by="kim", action="pause", about="job keep-log", reason="a test")
    StaffAction.objects.create(at=NOW, by="kim", action="pause", about="job other", reason="another")
    found = context(admin_client, url(hourly))
    assert found["title"] == "keep-log runs every hour."
    assert [row[3] for row in texts(found["tables"]["runs"])] == ["3.0 s", "5.0 s"]
    assert found["charts"]["took"].series[0].values == [5.0, 3.0]
    assert [row[1:] for row in texts(found["tables"]["trail"])] == [["pause", "kim", "a test"]]


def test_a_job_that_is_not_there_is_not_found(admin_client: Client) -> None:
    for path in (f"{LIST}4711/", f"{LIST}runs/4711/", f"{LIST}trainings/4711/"):
        assert admin_client.get(path).status_code == 404
    assert admin_client.post(f"{LIST}4711/run/", {"reason": "x"}).status_code == 404


def trail() -> list[tuple[str, str, str, str]]:
    return list(StaffAction.objects.order_by("pk").values_list("by", "action", "about", "reason"))


def test_pausing_and_resuming_are_kept_with_who_and_why(
    admin_client: Client, admin_user: User, hourly: PeriodicTask
) -> None:
    who = admin_user.get_username()
    assert "keep-log is paused." in said(admin_client, url(hourly, "pause/"), reason="it fills the disk", enabled="0")
    hourly.refresh_from_db()
    assert not hourly.enabled
    assert context(admin_client, url(hourly))["title"] == "keep-log is paused."
    assert "keep-log runs again." in said(admin_client, url(hourly, "pause/"), reason="more disk", enabled="1")
    hourly.refresh_from_db()
    assert hourly.enabled
    assert trail() == [
        (who, "pause", "job keep-log", "it fills the disk"),
        (who, "resume", "job keep-log", "more disk"),
    ]


def test_the_interval_changes_and_the_scheduler_is_told(admin_client: Client, hourly: PeriodicTask) -> None:
    sent = hourly.last_run_at
    answer = said(
        admin_client, url(hourly, "schedule/"), kind="interval", every="90", period="minutes", reason="less often"
    )
    assert answer == "keep-log runs every 90 minutes. It ran every hour before."
    hourly.refresh_from_db()
    assert (hourly.interval.every, hourly.interval.period) == (90, "minutes")
    assert hourly.last_run_at == sent
    assert hourly.schedule.run_every == timedelta(minutes=90)
    assert trail()[0][1] == "change schedule"


def test_a_job_may_run_by_the_clock_and_so_often_again(admin_client: Client, hourly: PeriodicTask) -> None:
    fields = {"minute": "5", "hour": "2,14", "day_of_month": "*", "month_of_year": "*", "day_of_week": "*"}
    said(admin_client, url(hourly, "schedule/"), kind="crontab", reason="at night", **fields)
    hourly.refresh_from_db()
    assert hourly.interval is None
    assert (hourly.crontab.minute, hourly.crontab.hour, str(hourly.crontab.timezone)) == ("5", "2,14", "UTC")
    said(admin_client, url(hourly, "schedule/"), kind="crontab", reason="once more", **fields)
    assert CrontabSchedule.objects.filter(hour="2,14").count() == 1
    said(admin_client, url(hourly, "schedule/"), kind="interval", every="1", period="days", reason="so often")
    hourly.refresh_from_db()
    assert (hourly.interval.every, hourly.crontab) == (1, None)


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({}, "Say whether it runs every so often"),
        ({"kind": "solar"}, "Say whether it runs every so often"),
        ({"kind": "interval"}, "Give a whole number"),
        ({"kind": "interval", "every": "0", "period": "hours"}, "Give a whole number"),
        ({"kind": "interval", "every": "-5", "period": "hours"}, "Give a whole number"),
        ({"kind": "interval", "every": "1e3", "period": "hours"}, "Give a whole number"),
        ({"kind": "interval", "every": "99999", "period": "hours"}, "Give a whole number"),
        ({"kind": "interval", "every": "5", "period": "microseconds"}, "Give a whole number"),
        ({"kind": "interval", "every": "5", "period": "seconds"}, "as often as a job may run"),
        ({"kind": "crontab"}, "That is no time"),
        (
            {"kind": "crontab", "minute": "61", "hour": "*", "day_of_month": "*", "month_of_year": "*"}
            | {"day_of_week": "*"},
            "That is no time",
        ),
        (
            {"kind": "crontab", "minute": "0", "hour": "0", "day_of_month": "31", "month_of_year": "2"}
            | {"day_of_week": "*"},
            "That is no time",
        ),
    ],
)
def test_what_is_no_schedule_changes_nothing(
    admin_client: Client, hourly: PeriodicTask, fields: dict[str, str], answer: str
) -> None:
    assert answer in said(admin_client, url(hourly, "schedule/"), reason="try", **fields)
    after = PeriodicTask.objects.get(pk=hourly.pk)
    assert (after.interval_id, after.crontab_id) == (hourly.interval_id, None)
    assert trail() == []


def test_running_now_sends_the_job_and_keeps_who_and_why(
    admin_client: Client, admin_user: User, hourly: PeriodicTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[PeriodicTask] = []
    monkeypatch.setattr(broker, "send", sent.append)
    assert said(admin_client, url(hourly, "run/"), reason="a test") == ("Sent. It begins as soon as a worker is free.")
    assert sent == [hourly]
    assert trail() == [(admin_user.get_username(), "run now", "job keep-log", "a test")]


def test_where_the_queue_is_dead_nothing_is_sent_and_nothing_kept(
    admin_client: Client, hourly: PeriodicTask, settings: Settings
) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    assert "Nothing was changed. The queue of jobs does not answer." in said(
        admin_client, url(hourly, "run/"), reason="a test"
    )
    assert trail() == []


@pytest.mark.parametrize("action", ["run/", "pause/", "schedule/"])
def test_without_a_reason_nothing_is_done(
    admin_client: Client, hourly: PeriodicTask, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    monkeypatch.setattr(broker, "send", None)
    fields = {"kind": "interval", "every": "5", "period": "hours", "reason": "  "}
    assert "Nothing was changed: say why" in said(admin_client, url(hourly, action), **fields)
    after = PeriodicTask.objects.get(pk=hourly.pk)
    assert (after.enabled, after.interval_id) == (True, hourly.interval_id)
    assert trail() == []


@pytest.mark.parametrize("action", ["run/", "pause/", "schedule/"])
def test_only_who_may_change_jobs_can(hourly: PeriodicTask, client: Client, action: str) -> None:
    user = User.objects.create_user("sam", is_staff=True)
    client.force_login(user)
    assert "Run now" not in client.get(url(hourly)).content.decode()
    assert client.post(url(hourly, action), {"reason": "why not"}).status_code == 403
    user.user_permissions.set(Permission.objects.filter(codename="change_periodictask"))
    client.force_login(User.objects.get(pk=user.pk))
    assert "Run now" in client.get(url(hourly)).content.decode()
    assert client.get(url(hourly, action)).status_code == 405


# --- one run ---


def test_a_run_shows_its_result_and_its_log_as_text(admin_client: Client, hourly: PeriodicTask) -> None:
    run = make_run(state="failed", result="OSError: <full>", log="12:00:01 ERROR <b>no room</b>")
    answer = admin_client.get(f"{LIST}runs/{run.pk}/")
    page = answer.content.decode()
    assert answer.context["title"] == "keep_log failed after 3.0 s."
    assert "OSError: &lt;full&gt;" in page
    assert "&lt;b&gt;no room" in page
    assert url(hourly) in page


@pytest.mark.parametrize(
    ("took_s", "title"), [(None, "keep_log has run for 30 min 0 s."), (90.0, "keep_log was done in 1 min 30 s.")]
)
def test_a_run_says_how_long(admin_client: Client, took_s: float | None, title: str) -> None:
    run = make_run(took_s=took_s)
    assert context(admin_client, f"{LIST}runs/{run.pk}/")["title"] == title


@pytest.mark.parametrize("state", TrainingRun.State.values)
def test_a_training_shows_what_came_of_it_and_what_it_said(admin_client: Client, state: str) -> None:
    made = make_candidate()
    run = TrainingRun.objects.create(
        kind="retriever",
        state=state,
        started_at=NOW - timedelta(minutes=5),
        finished_at=NOW,
        process="here 1",
        outcome="The gate said so.",
        log="11:55:00 <begun>\n",
        release=made,
    )
    page = admin_client.get(f"{LIST}trainings/{run.pk}/").content.decode()
    assert "The gate said so." in page
    assert "11:55:00 &lt;begun&gt;" in page
    assert f'href="/staff/releases/{made.pk}/"' in page
    row = texts(context(admin_client)["tables"]["trainings"])[0]
    assert row[1:] == ["retriever", state, "5 min 0 s", str(made.pk), "The gate said so."]


@pytest.mark.parametrize(("state", "said"), [("running", "It has said nothing yet."), ("failed", "It said nothing.")])
def test_a_training_without_a_log_says_whether_one_may_come(admin_client: Client, state: str, said: str) -> None:
    run = TrainingRun.objects.create(kind="reranker", state=state, started_at=NOW, process="here 1")
    assert said in admin_client.get(f"{LIST}trainings/{run.pk}/").content.decode()
