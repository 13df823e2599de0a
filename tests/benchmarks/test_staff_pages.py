from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import Sum
from django.test import Client

from benchmarks import staff_pages
from benchmarks.staff_log import Log, plant, plant_jobs
from benchmarks.staff_visits import LOG, Visited, addresses, scans_log, visit
from catalog.models import Item
from feedback.models import Interaction, Slate, SlateDetail, View
from recsite.counting.job import count_log
from recsite.models import FeedHour, FoundDay, JobRun
from tests.recsite.releases.rows import make_live

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
LOG_OF_A_TEST = Log(impressions=1_440, days=4, items=60, release=1, now=NOW, seed=1)


def visited(page: str = "overview", **changed: object) -> Visited:
    values: dict[str, object] = {"p50_ms": 20.0, "slowest_ms": 30.0, "queries": 9, "rows_scanned": 0, "status": 200}
    return Visited(page, f"/staff/{page}/", **values | changed)  # type: ignore[arg-type]


def planted() -> None:
    Item.objects.bulk_create(
        Item(
            pk=number,
            external_id=str(number),
            slug=f"item-{number}",
            title=f"Item {number}",
            published_at=NOW - timedelta(days=30),
            created_at=NOW,
            updated_at=NOW,
        )
        for number in range(1, LOG_OF_A_TEST.items + 1)
    )
    plant(LOG_OF_A_TEST)


@pytest.mark.django_db(transaction=True)
def test_the_planted_log_is_as_large_as_it_says_and_can_be_counted() -> None:
    planted()
    made_up = Slate.objects.filter(policy="greedy")
    assert sum(len(slate.items) for slate in made_up) == LOG_OF_A_TEST.shown == 1_440
    assert not made_up.filter(served_at__gt=NOW).exists()
    assert min(made_up.values_list("served_at", flat=True)) == NOW - timedelta(days=4)
    assert SlateDetail.objects.count() == made_up.filter(served_at__gte=NOW - timedelta(days=3)).count()
    assert set(Interaction.objects.values_list("surface", flat=True)) >= {"home", "search"}
    count_log(now=NOW)
    totals = FeedHour.objects.aggregate(Sum("slots"), Sum("viewed"))
    assert totals["slots__sum"] == sum(len(slate.items) for slate in Slate.objects.all())
    assert totals["viewed__sum"] == View.objects.count()
    assert FoundDay.objects.exists()


@pytest.mark.django_db
def test_jobs_are_those_of_the_settings_with_runs_of_each() -> None:
    plant_jobs(make_live(now=NOW), now=NOW)
    assert JobRun.objects.filter(task="recsite.tasks.count_log").count() > 100


@pytest.mark.django_db(transaction=True)
def test_every_page_is_opened_and_actions_are_not(client: Client) -> None:
    planted()
    plant_jobs(make_live(now=NOW), now=NOW)
    asked = dict(addresses())
    assert asked["overview"] == "/staff/"
    assert "slate" in asked
    client.force_login(User.objects.create_superuser("editor@example.com"))
    found = visit(client, "overview", asked["overview"], times=1)
    assert found is not None
    assert (found.page, found.status, found.scanning) == ("overview", 200, [])
    assert visit(client, "hide_item", asked["hide_item"], times=1) is None


@pytest.mark.django_db(transaction=True)
def test_a_query_that_reads_the_log_from_end_to_end_is_noticed() -> None:
    planted()
    assert scans_log(f"SELECT count(*) FROM {LOG[0]} WHERE policy = 'greedy'")
    assert not scans_log(f"SELECT items FROM {LOG[0]} ORDER BY id DESC LIMIT 1")
    assert not scans_log("SELECT count(*) FROM catalog_item")
    assert not scans_log("SAVEPOINT one")


def test_slow_pages_scans_and_errors_miss_their_goals() -> None:
    counting = staff_pages.Counting(9.0, 0.1, 300.0)
    good = staff_pages.report(1, 1_440, counting, [visited()])
    assert good.met
    assert "the log counted in 9 s" in good.text()
    for changed in ({"p50_ms": 301.0}, {"rows_scanned": 1}, {"scanning": ["SELECT"]}, {"status": 500}):
        assert not staff_pages.report(1, 1_440, counting, [visited(), visited("slates", **changed)]).met
