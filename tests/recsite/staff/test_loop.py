"""The page of the loop: rounds, what they learned from and what they changed, against counts made here."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from feedback.models import Slate
from recsite import audience_switch
from recsite.counting.job import count_log
from recsite.models import FeedHour, LabelDay, Release, StaffAction, TrainingRun
from recsite.releases.registry import promote, roll_back
from recsite.staff.rounds import read_rounds, used_by
from tests.factories import make_interaction, make_item, make_reader, make_slate, make_view
from tests.recsite.releases.rows import make_candidate, make_live

pytestmark = pytest.mark.django_db

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
SEEN = {"negative": 30, "dismissed": 4, "positive": 6, "assumed_negative": 0}


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("editor@example.com"))
    return client


def page(staff: Client) -> Any:
    answer = staff.get(reverse("staff:loop"))
    assert answer.status_code == 200
    return answer


def rows(staff: Client, table: str) -> list[dict[str, str]]:
    answer = staff.get(reverse("staff:loop"), {"csv": table})
    head, *lines = csv.reader(io.StringIO(answer.content.decode()))
    # Names stand twice, before and after: the first is of clicks, the second of dismissals.
    names = [f"{name} 2" if name in head[:place] else name for place, name in enumerate(head)]
    return [dict(zip(names, line, strict=True)) for line in lines]


def report(**labels: int) -> dict[str, Any]:
    return {
        "learned": {"positives": 50, "readers": 9, "items": 7},
        "learned_by_weight": {"1": 30, "3": 20},
        "ranker": {"rows_by_label": SEEN | labels, "positives_by_gain": {"1": 4, "3": 2}},
    }


def hours(release: int, *, at: datetime, views: int = 100, clicks: list[int], **fields: Any) -> None:
    """One row a group of readers, each with so many views."""
    values = {"surface": "home", "fallback": "", "slates": 10, "slots": 200, "explored": 20, "likes": 0, "saves": 0}
    FeedHour.objects.bulk_create(
        FeedHour(
            hour=at,
            release=release,
            part=part,
            viewed=views,
            clicks=count,
            unwanted=views - count,
            **values | {"dismissals": 0} | fields,
        )
        for part, count in enumerate(clicks)
    )


def test_without_a_round_it_says_how_to_begin(staff: Client) -> None:
    text = page(staff).content.decode()
    assert "No training round has made a release yet." in text
    assert "manage.py retrain" in text
    assert rows(staff, "changes") == []


@pytest.mark.django_db(transaction=True)
def test_a_round_without_a_ranker_is_not_said_to_be_none(staff: Client) -> None:
    make_live(now=NINE)
    answer = page(staff)
    assert "No ranker has learned yet" in answer.content.decode()
    assert "No training has made a release yet" not in answer.content.decode()


def test_its_numbers_are_those_of_the_log(staff: Client) -> None:
    """Two releases, forty readers, counted by the job and here."""
    first = make_live(now=NINE - HOUR)
    second = promote(make_candidate(now=NINE + HOUR), by="test", reason="better", now=NINE + HOUR)
    items = [make_item() for _ in range(6)]
    for number in range(40):
        reader = make_reader()
        for release, at in ((first, NINE), (second, NINE + 2 * HOUR)):
            branches = [Slate.Branch.GREEDY] * 5 + [Slate.Branch.POOL]
            slate = make_slate(items, reader=reader, served_at=at, release=release.pk, branches=branches)
            for slot in range(1 + number % 5):
                make_view(slate, slot)
            if number % (3 if release == second else 4) == 0:
                make_interaction(reader, "click", items[0], slate=slate, happened_at=at + timedelta(seconds=9))
            if number % 7 == 1:
                make_interaction(reader, "dismiss", items[1], slate=slate, happened_at=at)
                break
    count_log(now=NINE + DAY)
    for line in rows(staff, "changes"):
        viewed, clicked, dismissed = _log(int(line["Release"]))
        assert int(line["Viewed"]) == viewed
        assert float(line["Clicked"]) == pytest.approx(clicked / viewed)
        assert float(line["Dismissed"]) == pytest.approx(dismissed / viewed)
        assert float(line["Left to chance"]) == pytest.approx(1 / 6)
    newest = rows(staff, "changes")[0]
    viewed, clicked, _ = _log(first.pk)
    assert (newest["Release"], newest["Replaced"]) == (str(second.pk), f"release {first.pk}")
    assert float(newest["Before"]) == pytest.approx(clicked / viewed)
    assert float(newest["Change"]) == pytest.approx(float(newest["Clicked"]) - clicked / viewed)


def _log(release: int) -> tuple[int, int, int]:
    """Slots viewed, clicked, dismissed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM feedback_view v JOIN feedback_slate s ON s.id = v.slate_id WHERE release = %s",
            [release],
        )
        found = [cursor.fetchone()[0]]
        for kind in ("click", "dismiss"):
            cursor.execute(
                "SELECT count(DISTINCT (i.slate_id, i.position)) FROM feedback_interaction i "
                "JOIN feedback_slate s ON s.id = i.slate_id WHERE release = %s AND kind = %s AND undone_at IS NULL",
                [release, kind],
            )
            found.append(cursor.fetchone()[0])
    return found[0], found[1], found[2]


def test_the_title_says_what_the_live_release_changed(staff: Client) -> None:
    first = make_live(now=NINE)
    hours(first.pk, at=NINE, clicks=[4, 5, 6, 5] * 4)
    assert "too early" in page(staff).context["title"]
    second = promote(make_candidate(now=NINE + HOUR), by="test", reason="better", now=NINE + HOUR)
    hours(second.pk, at=NINE + HOUR, clicks=[9, 12, 11, 8] * 4)
    assert page(staff).context["title"] == f"Release {second.pk} is clicked more often than release {first.pk}."
    FeedHour.objects.filter(release=second.pk).delete()
    hours(second.pk, at=NINE + HOUR, clicks=[5, 4, 5, 6] * 4)
    assert "what differs may be chance" in page(staff).context["title"]
    FeedHour.objects.filter(release=second.pk).delete()
    hours(second.pk, at=NINE + HOUR, clicks=[1, 2, 1, 2] * 4)
    assert "less often" in page(staff).context["title"]
    Release.objects.filter(state="live").update(state="retired")
    assert "none is live" in page(staff).context["title"]


def test_the_first_release_is_compared_with_the_feed_without_one(staff: Client) -> None:
    """Of the week before; not with outages after it."""
    hours(0, at=NINE - 3 * DAY, clicks=[3] * 16, fallback="no release")
    hours(0, at=NINE - 9 * DAY, clicks=[90] * 16, fallback="no release")
    hours(0, at=NINE + 2 * HOUR, clicks=[50] * 16, fallback="broken")
    live = make_live(now=NINE)
    hours(live.pk, at=NINE, clicks=[6, 7, 6, 5] * 4)
    hours(live.pk, at=NINE, clicks=[80] * 16, surface="similar")
    (line,) = rows(staff, "changes")
    assert (line["Replaced"], line["Before"], line["Clicked"]) == ("the feed without a release", "0.03", "0.06")


def test_who_comes_back_after_a_roll_back_keeps_what_it_first_replaced() -> None:
    first = make_live(now=NINE)
    second = promote(make_candidate(now=NINE), by="test", reason="better", now=NINE + HOUR)
    roll_back(by="somebody", reason="worse", now=NINE + 2 * HOUR)
    third = promote(make_candidate(now=NINE), by="test", reason="better", now=NINE + 3 * HOUR)
    found = {one.release.pk: (one.replaced, one.went_live) for one in read_rounds()}
    assert found == {
        first.pk: (0, NINE),
        second.pk: (first.pk, NINE + HOUR),
        third.pk: (first.pk, NINE + 3 * HOUR),
    }
    assert read_rounds(most=1)[0].replaced == first.pk


def test_what_a_release_served_after_it_came_back_is_not_before_its_successors() -> None:
    """Only what it served before each of them went live is; its own row counts all that it served."""
    first = make_live(now=NINE)
    hours(first.pk, at=NINE, clicks=[1] * 16)
    second = promote(make_candidate(now=NINE), by="test", reason="better", now=NINE + DAY)
    hours(second.pk, at=NINE + DAY, clicks=[9] * 16)
    roll_back(by="somebody", reason="worse", now=NINE + 2 * DAY)
    hours(first.pk, at=NINE + 3 * DAY, clicks=[3] * 16)
    third = promote(make_candidate(now=NINE), by="test", reason="better", now=NINE + 4 * DAY + HOUR / 2)
    hours(first.pk, at=NINE + 4 * DAY, clicks=[5] * 16)
    roll_back(by="somebody", reason="worse", now=NINE + 5 * DAY)
    hours(first.pk, at=NINE + 6 * DAY, clicks=[50] * 16)
    found = {one.release.pk: one for one in read_rounds()}
    clicks_before = {number: one.before.total("clicks") for number, one in found.items()}
    assert clicks_before == {first.pk: 0, second.pk: 1 * 16, third.pk: (1 + 3 + 5) * 16}
    assert found[first.pk].feed.total("clicks") == (1 + 3 + 5 + 50) * 16


def test_the_live_release_is_among_the_rounds_however_many_were_refused_since() -> None:
    live, *others = make_live(now=NINE), make_candidate(now=NINE), make_candidate(now=NINE)
    assert [one.release for one in read_rounds(most=1)] == [others[1], live]
    assert [one.release for one in read_rounds()] == [*others[::-1], live]


def test_a_round_tells_its_examples_by_kind_and_leads_to_its_training(staff: Client) -> None:
    live = make_live(report=report())
    run = TrainingRun.objects.create(kind="reranker", state="promoted", started_at=NINE, process="x", release=live)
    (line,) = rows(staff, "learned")
    assert line["Retriever: positives"] == "50"
    assert (line["of those: click"], line["of those: like, save"]) == ("30", "20")
    assert (line["of those: click 2"], line["of those: like, save 2"]) == ("4", "2")
    assert (line["Ranker: positives"], line["Viewed, not chosen"], line["Dismissed"], line["Assumed"]) == (
        "6",
        "30",
        "4",
        "0",
    )
    text = page(staff).content.decode()
    assert f'href="{reverse("staff:training_run", args=[run.pk])}"' in text
    assert f'href="{reverse("staff:release", args=[live.pk])}"' in text


def test_reports_of_older_code_leave_gaps_and_a_ranker_from_history_has_no_kinds() -> None:
    assert used_by({}).positives is None
    assert used_by({"ranker": None, "learned": []}).retriever_positives is None
    assert used_by(report(assumed_negative=900)).ranker == {}
    assert not used_by(report(assumed_negative=900)).has_seen
    fusion = used_by({"ranker": {"order": "fusion", "why": "No source named any of 3 label events."}})
    assert fusion.why_not == "No source named any of 3 label events."


def test_the_funnel_of_a_round_narrows_over_the_whole_days_of_its_window(staff: Client) -> None:
    window = {"ranker_since": NINE - DAY, "ranker_until": NINE + HOUR}
    make_live(report=report(), **window)
    for at, release in ((NINE - 2 * DAY, 8), (NINE - DAY, 8), (NINE, 7), (NINE, 0), (NINE + DAY, 8)):
        hours(release, at=at.replace(hour=23), clicks=[1])
    for day, label, slots in ((1, "positive", 5), (1, "negative", 60), (2, "dismissed", 9), (2, "unknown", 70)):
        LabelDay.objects.create(day=date(2026, 3, day), release=8, label=label, kind="", slots=slots)
    LabelDay.objects.create(day=date(2026, 3, 3), release=8, label="negative", kind="", slots=1_000)
    LabelDay.objects.create(day=date(2026, 3, 2), release=0, label="negative", kind="", slots=1_000)
    (line,) = rows(staff, "negatives")
    assert [line[name] for name in ("Served", "Viewed", "Examined", "Negative", "Used")] == [
        "400",
        "200",
        "74",
        "69",
        "34",
    ]
    drawn = staff.get(reverse("staff:loop"), {"json": "funnel"}).json()
    assert drawn["x"] == ["served", "viewed", "examined", "negative", "used"]
    assert drawn["series"][0]["values"] == [400, 200, 74, 69, 34]


def test_charts_run_from_the_oldest_round_with_their_intervals(staff: Client) -> None:
    first = make_live(now=NINE)
    second = promote(make_candidate(now=NINE), by="test", reason="better", now=NINE + HOUR)
    hours(first.pk, at=NINE, clicks=[4, 5, 6, 5] * 4)
    hours(second.pk, at=NINE + HOUR, clicks=[9, 10, 11, 10] * 4)
    drawn = staff.get(reverse("staff:loop"), {"json": "rates"}).json()
    assert drawn["x"] == [str(first.pk), str(second.pk)]
    clicked = drawn["series"][0]
    assert clicked["values"] == pytest.approx([0.05, 0.1])
    assert 0.04 < clicked["lower"][0] < 0.05 < clicked["upper"][0] < 0.06


def test_rounds_that_made_no_release_say_why(staff: Client) -> None:
    for state, why in (("failed", "The disk was full."), ("skipped", "Nothing new."), ("running", "")):
        TrainingRun.objects.create(kind="retriever", state=state, started_at=NINE, process="x", outcome=why)
    assert [(line["Outcome"], line["Why"]) for line in rows(staff, "without")] == [("failed", "The disk was full.")]


def test_numbers_lead_to_slates_only_for_who_may_see_them(staff: Client, client: Client) -> None:
    live = make_live(now=NINE)
    hours(live.pk, at=NINE, clicks=[4, 5, 6, 5] * 4)
    assert f"{reverse('staff:slates')}?release={live.pk}" in page(staff).content.decode()
    client.force_login(User.objects.create_user("helper@example.com", is_staff=True))
    assert reverse("staff:slates") not in page(client).content.decode()


# --- the audience of the demo


def test_staff_send_the_made_up_readers_away_and_call_them_back(staff: Client, settings: Settings) -> None:
    settings.AUDIENCE = 30
    assert "Send the made-up readers away" in page(staff).content.decode()
    staff.post(reverse("staff:switch_audience"), {"on": "0", "reason": "I want to be alone"})
    assert not audience_switch.is_on()
    assert "Call the made-up readers back" in page(staff).content.decode()
    staff.post(reverse("staff:switch_audience"), {"on": "1", "reason": "enough of that"})
    assert audience_switch.is_on()
    trail = StaffAction.objects.values_list("by", "reason")
    assert list(trail) == [("editor@example.com", "enough of that"), ("editor@example.com", "I want to be alone")]


def test_who_turned_the_audience_and_why_is_read_beside_the_button(staff: Client, settings: Settings) -> None:
    settings.AUDIENCE = 30
    StaffAction.objects.create(at=NINE, by="kim", action="hide", about="item 3", reason="another matter")
    audience_switch.turn(on=False, by="sam", reason="I want to be alone", now=NINE)
    assert [(line["What"], line["By"], line["Why"]) for line in rows(staff, "audience")] == [
        ("stop audience", "sam", "I want to be alone")
    ]
    assert "I want to be alone" in page(staff).content.decode()


def test_without_a_reason_the_made_up_readers_stay(staff: Client, settings: Settings) -> None:
    settings.AUDIENCE = 30
    answer = staff.post(reverse("staff:switch_audience"), {"on": "0", "reason": "  "}, follow=True)
    assert "Give a reason" in answer.content.decode()
    assert audience_switch.is_on()


def test_where_there_is_no_audience_nobody_is_offered_to_send_it_away(staff: Client, settings: Settings) -> None:
    settings.AUDIENCE = 0
    shown = page(staff).content.decode()
    assert reverse("staff:switch_audience") not in shown
    assert "the made-up readers" not in shown
