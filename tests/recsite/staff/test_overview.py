"""The first staff page: its verdict, its numbers against the log itself, its empty state."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from pytest_django.fixtures import Settings

from feedback.models import Slate
from feedback.surfaces import Surface
from recsite import clock
from recsite.counting.job import count_log
from recsite.models import JobRun, LabelDay, TrainingRun
from tests.factories import NOW, make_interaction, make_item, make_reader, make_slate, make_view
from tests.recsite.releases.rows import make_live

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def staff(client: Client, settings: Settings, db: None) -> Client:
    """A helper without any further right, at noon."""
    settings.SIMULATION = True
    client.force_login(User.objects.create_user("helper@example.com", is_staff=True))
    return client


def asked(client: Client, *, now: datetime = NOW, **query: str) -> Any:
    return client.get(reverse("staff:overview"), query, headers={clock.HEADER: clock.sign(now)})


def title(client: Client, **when: Any) -> str:
    page = asked(client, **when).content.decode()
    found = re.search(r'<h1 class="staff-title">(.*?)</h1>', page, re.DOTALL)
    assert found is not None
    return found[1].strip()


def table(client: Client, key: str, **when: Any) -> list[dict[str, str]]:
    rows = list(csv.reader(io.StringIO(asked(client, csv=key, **when).content.decode())))
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def chart(client: Client, key: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(asked(client, json=key).content)
    return found


def sql(query: str, **values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()[0]


def plant() -> None:
    """Pages of a dozen readers over nine days; the last are in fallback since ten minutes."""
    items = [make_item() for _ in range(30)]
    for number in range(12):
        reader = make_reader()
        for place, days in enumerate((0.1, 0.5, 1.5, 3, 8)):
            at = NOW - timedelta(days=days, minutes=11 + number)
            start = number % 5
            slate = make_slate(items[start : start + 12], reader=reader, served_at=at)
            for slot in range(6 + number % 3):
                make_view(slate, slot)
            if (number + place) % 3 == 0:
                make_interaction(reader, "click", items[start + 1], slate=slate, happened_at=at + MINUTE)
            if number % 4 == 0:
                make_interaction(reader, "dismiss", items[start + place], slate=slate, happened_at=at + MINUTE)
    make_slate(items[:12], reader=make_reader(), served_at=NOW - 30 * HOUR, surface=Surface.TOPIC)
    make_slate(items[:12], reader=make_reader(), served_at=NOW - HOUR, excluded="staff")
    for minutes in (1, 5, 10):
        at = NOW - minutes * MINUTE
        make_slate(items[:12], reader=make_reader(), served_at=at, release=None, fallback="release failed")


@pytest.fixture
def counted(transactional_db: None) -> None:
    """A live release and a planted log that the job has counted."""
    make_live(now=NOW - 6 * HOUR, retriever_until=NOW - 7 * HOUR)
    plant()
    count_log(now=NOW)


def schedule(task: str, *, enabled: bool = True) -> None:
    """The one job there is; it was sent just now."""
    PeriodicTask.objects.all().delete()
    every, _ = IntervalSchedule.objects.get_or_create(every=60, period=IntervalSchedule.SECONDS)
    job = PeriodicTask.objects.create(name="job", task=task, interval=every, enabled=enabled)
    PeriodicTask.objects.filter(pk=job.pk).update(last_run_at=NOW, date_changed=NOW)


def fall_back(*seconds_ago: int) -> None:
    for ago in seconds_ago:
        make_slate([1], served_at=NOW - timedelta(seconds=ago), release=None, fallback="release failed")


def test_pages_from_before_the_live_release_alarm_nobody(staff: Client) -> None:
    make_live(now=NOW - 2 * MINUTE, retriever_until=NOW - HOUR)
    fall_back(*range(130, 900, 60))
    assert "fallback for" not in title(staff)
    fall_back(50, 40, 30, 20, 10)
    assert title(staff) == "The feed has been in fallback for 50 seconds: release failed."


@pytest.mark.parametrize(
    ("seconds_ago", "is_told"),
    [((500,), False), ((40, 30, 20, 10), False), ((50, 40, 30, 20, 10), True), ((130, 20), False), ((140, 20), True)],
)
def test_a_fallback_is_told_once_it_lasts_five_pages_or_two_minutes(
    staff: Client, seconds_ago: tuple[int, ...], is_told: bool
) -> None:
    make_live(now=NOW - HOUR, retriever_until=NOW - HOUR)
    make_slate([1], served_at=NOW - 10 * MINUTE)
    fall_back(*seconds_ago)
    assert ("The feed has been in fallback for" in title(staff)) is is_told


def test_a_log_that_was_never_counted_is_told_once_there_are_slates(staff: Client) -> None:
    told = "The log was never counted"
    assert told not in asked(staff).content.decode()
    make_slate([1], served_at=NOW - MINUTE)
    assert told in asked(staff).content.decode()


@pytest.mark.parametrize(
    ("task", "enabled", "is_told"),
    [
        ("recsite.tasks.count_log", True, False),
        ("recsite.tasks.count_log", False, True),
        ("celery.backend_cleanup", True, True),
    ],
)
def test_it_is_told_when_no_job_of_ours_is_scheduled(staff: Client, task: str, enabled: bool, is_told: bool) -> None:
    schedule(task, enabled=enabled)
    assert ("No periodic job is switched on" in asked(staff).content.decode()) is is_told


def test_lessons_say_of_which_release_and_until_when_they_count(staff: Client) -> None:
    live = make_live(now=NOW - HOUR, retriever_until=NOW - 7 * HOUR, ranker_until=NOW - 2 * HOUR)
    page = asked(staff).content.decode()
    assert f"Usable since release {live.pk} learned (its ranker until {NOW - 2 * HOUR:%Y-%m-%d %H:%M:%S} UTC)" in page


def test_a_new_site_says_what_to_do_next(staff: Client) -> None:
    assert title(staff) == "No release is live: everybody gets what is popular and fresh."
    page = asked(staff).content.decode()
    assert "The log has not been counted yet" in page
    assert "Start the scheduler" in page
    assert not table(staff, "reasons")
    assert not table(staff, "answers")


def test_a_healthy_feed_is_called_healthy(staff: Client) -> None:
    live = make_live(now=NOW - 6 * HOUR, retriever_until=NOW - 7 * HOUR)
    slate = make_slate([1, 2], served_at=NOW - 5 * MINUTE)
    make_view(slate, 0)
    schedule("recsite.tasks.count_log")
    count_log(now=NOW)
    assert title(staff) == f"The feed is healthy. Release {live.pk} is 6 hours old."
    page = asked(staff).content.decode()
    assert reverse("staff:release", args=[live.pk]) in page
    assert "See why" not in page


@pytest.mark.usefixtures("counted")
def test_a_fallback_is_told_with_when_it_began(staff: Client) -> None:
    assert title(staff) == "The feed has been in fallback for 10 minutes: release failed."


@pytest.mark.usefixtures("counted")
def test_a_fallback_that_is_over_is_no_alarm(staff: Client) -> None:
    make_slate([1], served_at=NOW - timedelta(seconds=10))
    assert "fallback for" not in title(staff)


@pytest.mark.usefixtures("counted")
def test_pages_by_what_served_them_are_those_of_the_log(staff: Client) -> None:
    rows = {row["Served"]: row for row in table(staff, "reasons")}
    good = "SELECT count(*) FROM feedback_slate WHERE surface = 'home' AND excluded IS NULL AND served_at >= %(since)s"
    since = NOW + HOUR - timedelta(days=7)
    pages, fallen = sql(good, since=since), sql(f"{good} AND fallback IS NOT NULL", since=since)
    served = [int(rows[name]["Pages, 7 days"]) for name in ("release failed", "by the live release")]
    assert served == [fallen, pages - fallen]
    assert float(rows["release failed"]["Share, 7 days"]) == pytest.approx(fallen / pages)
    assert (pages, fallen) == (51, 3)


@pytest.mark.usefixtures("counted")
def test_the_chart_of_fallbacks_has_a_place_for_every_hour_of_a_week(staff: Client) -> None:
    found = chart(staff, "fallbacks")
    assert len(found["x"]) == 7 * 24
    (series,) = found["series"]
    assert series["name"] == "release failed"
    last = int((NOW + HOUR - timedelta(hours=2)).timestamp())
    assert found["x"][-2] == last
    known = {at: value for at, value in zip(found["x"], series["values"], strict=True) if value is not None}
    pages = Counter(
        int(slate.served_at.replace(minute=0, second=0).timestamp())
        for slate in Slate.objects.filter(surface="home", excluded=None, served_at__gte=NOW - timedelta(days=7))
    )
    assert set(known) == set(pages)
    assert known[last] == pytest.approx(3 / pages[last])


@pytest.mark.usefixtures("counted")
def test_what_readers_answered_is_what_the_log_has(staff: Client) -> None:
    rows = {row["Slots of the feed"]: row for row in table(staff, "answers")}
    since = NOW + HOUR - timedelta(days=7)
    of = "FROM feedback_slate AS s WHERE s.surface = 'home' AND s.excluded IS NULL AND s.served_at >= %(since)s"
    views = sql(f"SELECT count(*) FROM feedback_view AS v WHERE v.slate_id IN (SELECT id {of})", since=since)
    assert int(rows["viewed"]["7 days"]) == views > 0
    for label, kind in (("clicked", "click"), ("dismissed", "dismiss")):
        acts = "SELECT count(*) FROM feedback_interaction AS i WHERE i.kind = %(kind)s AND i.undone_at IS NULL"
        count = sql(f"{acts} AND i.slate_id IN (SELECT id {of})", since=since, kind=kind)
        assert int(rows[label]["7 days"]) == count > 0
    page = asked(staff).content.decode()
    assert f"{int(rows['clicked']['24 hours']) / int(rows['viewed']['24 hours']):.1%}" in page


@pytest.mark.usefixtures("counted")
def test_rates_by_day_carry_intervals_around_them(staff: Client) -> None:
    clicked, dismissed = chart(staff, "rates")["series"]
    for series in (clicked, dismissed):
        known = [
            (low, value, high)
            for low, value, high in zip(series["lower"], series["values"], series["upper"], strict=True)
            if value is not None
        ]
        assert len(known) == 5
        assert all(low <= value <= high for low, value, high in known)


@pytest.mark.usefixtures("counted")
def test_lessons_are_those_of_whole_days_since_the_last_training(staff: Client) -> None:
    rows = table(staff, "lessons")
    wanted = LabelDay.objects.filter(day=NOW.date()).values_list("label", "kind", "slots")
    found = {(row["Label"], row["Kind"]): int(row["Slots"]) for row in rows}
    assert found == {(label, kind or "–"): slots for label, kind, slots in wanted}
    negatives = found["negative", "–"] + found["dismissed", "–"]
    assert f"{negatives:,} negatives" in asked(staff).content.decode()


@pytest.mark.usefixtures("counted")
def test_the_reach_is_that_of_yesterday_and_today(staff: Client) -> None:
    coverage, overlap = table(staff, "reach")
    shown = sql(
        "SELECT count(DISTINCT item) FROM feedback_slate, unnest(items) AS item"
        " WHERE excluded IS NULL AND served_at >= %(since)s",
        since=NOW.replace(hour=0) - timedelta(days=1),
    )
    assert float(coverage["Share"]) == pytest.approx(shown / 30)
    assert 0 < float(overlap["Share"]) < 1
    assert "15 readers" in overlap["Of what"]


def test_jobs_that_are_late_or_failed_are_listed_with_their_runs(staff: Client) -> None:
    every, _ = IntervalSchedule.objects.get_or_create(every=60, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.all().delete()
    for name, at in (("fine", NOW - MINUTE / 2), ("late", NOW - HOUR), ("failed", NOW - MINUTE / 2)):
        job = PeriodicTask.objects.create(name=name, task=f"tasks.{name}", interval=every)
        PeriodicTask.objects.filter(pk=job.pk).update(last_run_at=at, date_changed=NOW - 9 * HOUR)
    for name, state in (("fine", "done"), ("failed", "failed")):
        values = {"state": state, "started_at": NOW - MINUTE / 2, "finished_at": NOW, "result": "ValueError: no"}
        JobRun.objects.create(task=f"tasks.{name}", task_id=name, worker="w", **values)
    found = {row["Job"]: row["What is wrong"] for row in table(staff, "jobs")}
    assert found == {"late": "late", "failed": "failed: ValueError: no"}
    page = asked(staff).content.decode()
    assert reverse("staff:job", args=[PeriodicTask.objects.get(name="late").pk]) in page
    assert "A job is late: late." in page


def test_a_training_that_failed_is_told_until_a_later_one_ends_well(staff: Client) -> None:
    for hours, state in ((3, "failed"), (1, "running")):
        TrainingRun.objects.create(kind="retriever", state=state, started_at=NOW - hours * HOUR, process="p")
    assert "The last training of the retriever failed." in asked(staff).content.decode()
    TrainingRun.objects.create(kind="retriever", state="promoted", started_at=NOW - 2 * HOUR, process="p")
    assert "training of the retriever failed" not in asked(staff).content.decode()


@pytest.mark.usefixtures("counted")
def test_numbers_lead_to_slates_only_for_those_who_may_open_them(staff: Client) -> None:
    slates = reverse("staff:slates")
    assert slates not in asked(staff).content.decode()
    staff.force_login(User.objects.create_superuser("editor@example.com"))
    page = asked(staff).content.decode()
    assert f'href="{slates}?fallback=1"' in page


def test_an_unknown_table_or_chart_is_not_found(staff: Client) -> None:
    assert asked(staff, csv="nothing").status_code == 404
    assert asked(staff, json="nothing").status_code == 404
