"""The admin pages: what staff can look at, and what they can change there."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from recsite import celery, clock
from recsite.beat import Scheduler
from recsite.models import Release, StaffAction, TrainingRun
from tests.recsite.releases.rows import make_candidate, make_live

pytestmark = pytest.mark.django_db

RECORDS = ("release", "releaseevent", "trainingrun")


@pytest.fixture
def release() -> Release:
    live = make_live(report={"differences": {"popularity": {"lower": 0.04}}, "words": "<b>bold</b>"})
    TrainingRun.objects.create(
        kind="retriever",
        state="promoted",
        started_at=clock.now(),
        process="here 1",
        log="12:00:00 begun\n",
        release=live,
    )
    return live


@pytest.mark.parametrize(
    "path", sorted(f"{model._meta.app_label}/{model._meta.model_name}" for model in admin.site._registry)
)
def test_every_page_opens(admin_client: Client, release: Release, path: str) -> None:
    assert admin_client.get(f"/admin/{path}/").status_code == 200
    assert admin_client.get(f"/admin/{path}/add/").status_code in {200, 403}


def test_a_release_is_shown_with_its_report_what_was_done_to_it_and_its_training(
    admin_client: Client, release: Release
) -> None:
    page = admin_client.get(f"/admin/recsite/release/{release.pk}/change/").content.decode()
    assert "&quot;lower&quot;: 0.04" in page
    assert "&lt;b&gt;bold" in page
    assert "it is good" in page
    assert "retriever training" in page
    listed = admin_client.get("/admin/recsite/release/").content.decode()
    assert f"release {release.pk} (live)" in listed


def test_a_training_is_shown_with_what_it_said(admin_client: Client, release: Release) -> None:
    run = TrainingRun.objects.get()
    page = admin_client.get(f"/admin/recsite/trainingrun/{run.pk}/change/").content.decode()
    assert "<pre>12:00:00 begun\n</pre>" in page


@pytest.mark.parametrize("model", RECORDS)
def test_records_are_neither_added_nor_changed_nor_deleted(admin_client: Client, release: Release, model: str) -> None:
    row = {
        "release": release,
        "releaseevent": release.events.first(),
        "trainingrun": release.runs.first(),
    }[model]
    assert row is not None
    page = f"/admin/recsite/{model}"
    assert admin_client.get(f"{page}/{row.pk}/change/").status_code == 200
    assert admin_client.post(f"{page}/add/", {}).status_code == 403
    assert admin_client.post(f"{page}/{row.pk}/change/", {"state": "candidate"}).status_code == 403
    assert admin_client.post(f"{page}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    admin_client.post(f"{page}/", {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    row.refresh_from_db()
    assert Release.objects.get().state == "live"


def test_the_list_of_releases_reads_no_report(admin_client: Client, release: Release) -> None:
    make_candidate()
    with CaptureQueriesContext(connection) as asked:
        admin_client.get("/admin/recsite/release/")
    assert not [query for query in asked.captured_queries if '"report"' in query["sql"]]


@pytest.mark.django_db(transaction=True)
def test_staff_change_when_a_job_runs_and_the_scheduler_takes_it_over(admin_client: Client) -> None:
    scheduler = Scheduler(app=celery.app)
    scheduler._finalize.cancel()
    assert set(settings.CELERY_BEAT_SCHEDULE) <= set(scheduler.schedule)
    task = PeriodicTask.objects.get(name="retrain-reranker")
    rarely = IntervalSchedule.objects.create(every=6, period=IntervalSchedule.HOURS)
    page = f"/admin/django_celery_beat/periodictask/{task.pk}/change/"
    form = admin_client.get(page).context["adminform"].form
    fields = {name: given for name, given in form.initial.items() if given is not None}
    changed = fields | {
        "regtask": task.task,
        "interval": rarely.pk,
        "enabled": "on",
        "args": "[]",
        "kwargs": "{}",
        "headers": "{}",
    }
    answer = admin_client.post(page, changed)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert PeriodicTask.objects.get(pk=task.pk).interval == rarely
    assert scheduler.schedule["retrain-reranker"].schedule.run_every.total_seconds() == 6 * 3600


def test_what_staff_did_is_read_as_a_whole_and_found_by_a_deleted_item(admin_client: Client) -> None:
    at = clock.now()
    for about, by in (("item 4711", "kim"), ("audience", "sam")):
        StaffAction.objects.create(at=at, by=by, action="hide", about=about, reason=f"{by} wanted it")
    listed = admin_client.get("/admin/recsite/staffaction/").content.decode()
    assert "kim wanted it" in listed
    assert "sam wanted it" in listed
    found = admin_client.get("/admin/recsite/staffaction/", {"q": "item 4711"}).content.decode()
    assert "kim wanted it" in found
    assert "sam wanted it" not in found


def test_nobody_rewrites_what_staff_did(admin_client: Client) -> None:
    done = StaffAction.objects.create(at=clock.now(), by="kim", action="hide", about="item 4711", reason="old")
    path = f"/admin/recsite/staffaction/{done.pk}"
    assert admin_client.get("/admin/recsite/staffaction/add/").status_code == 403
    assert admin_client.post(f"{path}/change/", {"reason": "new"}).status_code == 403
    assert admin_client.post(f"{path}/delete/", {"post": "yes"}).status_code == 403
    assert StaffAction.objects.get().reason == "old"
