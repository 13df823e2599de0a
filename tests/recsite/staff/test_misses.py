"""Type 1 and type 2: shares by hand, the page against counts made here, examples from the log."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from catalog.models import Reader
from recsite import clock
from recsite.counting.found import count_found_days
from recsite.counting.ranges import Span
from recsite.models import FoundDay
from recsite.staff import misses as misses_module
from recsite.staff.intervals import UNKNOWN
from recsite.staff.misses import ELSEWHERE, Found, newest_misses, type_1_share, type_2_share
from tests.factories import make_interaction, make_item, make_reader, make_topic
from tests.recsite.counting.feeds import make_feed, opens

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
NINE = MIDNIGHT + timedelta(hours=9)
NOON = MIDNIGHT + timedelta(hours=12)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
TODAY = MIDNIGHT.date()


@pytest.fixture
def staff(client: Client, settings: Settings) -> Client:
    settings.SIMULATION = True
    client.force_login(User.objects.create_superuser("editor@example.com"))
    return client


def asked(client: Client, *, now: datetime = NOON, **query: Any) -> Any:
    return client.get(reverse("staff:misses"), query, headers={clock.HEADER: clock.sign(now)})


def page(client: Client, **query: Any) -> Any:
    answer = asked(client, **query)
    assert answer.status_code == 200
    return answer


def rows(client: Client, table: str, **query: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(page(client, csv=table, **query).content.decode())))


feed = partial(make_feed, served_at=NINE)


def found(day: date = TODAY, **fields: Any) -> None:
    values = {"release": 1, "way": "search", "topic_id": 0, "is_cold": False, "outcome": "shown", "clicks": 1}
    FoundDay.objects.create(day=day, **values | fields)


# --- shares ---


def test_shares_by_hand() -> None:
    """Shown, ranked low, removed, not retrieved, not known."""
    counts = np.array([50, 10, 5, 35, 0])
    assert type_1_share(counts) == pytest.approx(0.35)
    assert type_2_share(counts) == pytest.approx(0.15)


def test_what_is_not_known_is_shared_out_among_what_was_not_shown() -> None:
    """With half the candidates kept, half of what was not shown is known; the shares are those of all of them."""
    counts = np.array([50, 5, 2.5, 17.5, 25])
    assert type_1_share(counts) == pytest.approx(0.35)
    assert type_2_share(counts) == pytest.approx(0.15)


def test_where_nothing_is_known_nothing_is_said() -> None:
    counts = np.array([[0, 0, 0, 0, 0], [1, 0, 0, 0, 3], [4, 0, 0, 0, 0]])
    assert type_1_share(counts) == pytest.approx([np.nan, np.nan, 0], nan_ok=True)


def test_days_that_differ_make_shares_less_sure() -> None:
    steady = Found(np.array([[5, 0, 0, 5, 0], [6, 0, 0, 4, 0], [4, 0, 0, 6, 0]]))
    wild = Found(np.array([[10, 0, 0, 0, 0], [0, 0, 0, 10, 0], [5, 0, 0, 5, 0]]))
    assert steady.type_1.value == wild.type_1.value == 0.5
    assert steady.type_1.lower is not None
    assert wild.type_1.lower is not None
    assert steady.type_1.lower > wild.type_1.lower
    assert steady.of_day(0, "type_1").lower == pytest.approx(0.2366, abs=1e-4)  # Wilson's of 5 in 10


def test_a_day_of_which_half_is_not_known_is_as_sure_as_one_with_half_the_clicks() -> None:
    """Half of 50 that were not shown are known, so 100 clicks tell of types 1 and 2 as much as 50 would."""
    half = Found(np.array([[50, 5, 0, 20, 25], [50, 10, 0, 40, 0], [25, 5, 0, 20, 0]]))
    wide, narrow, fewer = (half.of_day(day, "type_1") for day in range(3))
    assert wide.value == narrow.value == pytest.approx(0.4)
    assert (wide.lower, wide.upper) == pytest.approx((fewer.lower, fewer.upper))
    assert narrow.lower is not None
    assert wide.lower is not None
    assert wide.lower < narrow.lower


def test_whether_it_was_shown_is_as_sure_where_nothing_else_is_known() -> None:
    unknown = Found(np.array([[5, 0, 0, 0, 5], [5, 0, 0, 5, 0]]))
    assert unknown.of_day(0, "shown") == unknown.of_day(1, "shown")
    assert unknown.of_day(0, "type_1") == UNKNOWN


@pytest.mark.parametrize("shown", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kept", [0.05, 0.25, 1.0])
def test_the_band_of_a_day_holds_the_truth_nineteen_times_in_twenty(shown: float, kept: float) -> None:
    """Days of 400 clicks; of what was not shown, 6 in 10 were not retrieved, and candidates are kept by chance."""
    rest = 1 - shown
    chances = [shown, 0.3 * rest * kept, 0.1 * rest * kept, 0.6 * rest * kept, rest * (1 - kept)]
    days = Found(np.random.default_rng(5).multinomial(400, chances, size=1_000))
    bands = [days.of_day(day, "type_1") for day in range(1_000)]
    held = [band.lower <= 0.6 * rest <= band.upper for band in bands if band.lower is not None and band.upper]
    assert len(held) > 850
    assert np.mean(held) > 0.94


# --- the page ---


def test_without_clicks_it_says_why_there_may_be_none(staff: Client) -> None:
    text = page(staff).content.decode()
    assert "has been counted in the last 30 days" in text
    assert "count-log" in text


def test_its_numbers_are_those_of_the_log(staff: Client) -> None:
    """Clicks of three days, counted by the job and here."""
    topic = make_topic("Rivers")
    for number in range(24):
        reader, items = make_reader(), [make_item(topics=["Rivers"] if number % 2 else []) for _ in range(4)]
        shown, low, removed, _ = items
        at = NINE - (number % 3) * DAY
        union = None if number % 8 == 7 else [shown, low]
        slate = feed(reader, [shown], union=union, removed_items=[removed], served_at=at)
        item = items[number % 4]
        opens(reader, item, slate, way=["search", "topic"][number % 2], happened_at=at + MINUTE)
        make_interaction(reader, "click", shown, slate=slate, happened_at=at + 5 * MINUTE)
    count_found_days(Span(MIDNIGHT - 2 * DAY, MIDNIGHT + DAY))
    for way in ("search", "topic"):
        (line,) = [line for line in rows(staff, "ways") if line["Way"] == way]
        counted = {outcome: int(line[outcome]) for outcome in ("Ranked low", "Removed", "Not retrieved", "Not known")}
        assert counted == _log(way)
    by_topic = {line["Topic"]: int(line["Clicks"]) for line in rows(staff, "topics")}
    assert by_topic == {"no topic": 12, "Rivers": 12}
    assert reverse("topic", args=[topic.slug]) in page(staff).content.decode()


def _log(way: str) -> dict[str, int]:
    """Of clicks by this way, by what the visit's one feed knew."""
    counts = dict.fromkeys(("Ranked low", "Removed", "Not retrieved", "Not known"), 0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.item_id, s.items, d.union_items, d.removed_items FROM feedback_interaction c "
            "JOIN feedback_slate s ON s.visit_id = c.visit_id LEFT JOIN feedback_slatedetail d ON d.slate_id = s.id "
            "WHERE c.surface = %s",
            [way],
        )
        for item, shown, union, removed in cursor.fetchall():
            if item in shown:
                continue
            if union is None:
                counts["Not known"] += 1
            else:
                counts["Ranked low" if item in union else "Removed" if item in removed else "Not retrieved"] += 1
    return counts


def test_cards_of_the_feed_count_only_where_they_are_asked_for(staff: Client) -> None:
    found(way="home", clicks=90)
    found(way="search", outcome="not retrieved", clicks=10)
    assert page(staff).context["title"] == "100% of what readers opened elsewhere had not been retrieved for them."
    assert page(staff, way="any").context["title"].startswith("10% of what readers opened in any way")
    assert page(staff, way="home").context["title"].startswith("0% of what readers opened by a card of the feed")
    assert {line["Way"] for line in rows(staff, "ways")} == {"home", "search"}


def test_days_before_the_span_are_left_out(staff: Client) -> None:
    for days in (0, 6, 7, 40):
        found(TODAY - timedelta(days=days))
    counted = {days: sum(int(line["Clicks"]) for line in rows(staff, "cold", days=days)) for days in (7, 30, 60)}
    assert counted == {7: 2, 30: 3, 60: 4}
    drawn = page(staff, days=7, json="days").json()
    assert (len(drawn["x"]), drawn["x"][-1]) == (7, MIDNIGHT.timestamp())
    assert drawn["series"][2]["values"] == [1.0, None, None, None, None, None, 1.0]


def test_items_that_were_new_stand_apart(staff: Client) -> None:
    found(is_cold=True, outcome="not retrieved", clicks=3)
    found(outcome="ranked low", clicks=2)
    lines = {line["The item was"]: line for line in rows(staff, "cold")}
    assert (lines["new to it"]["Type 1"], lines["new to it"]["Type 2"]) == ("1.0", "0.0")
    assert (lines["known to it"]["Type 1"], lines["known to it"]["Type 2"]) == ("0.0", "1.0")


def test_it_says_how_many_clicks_are_not_known_and_why(staff: Client, settings: Settings) -> None:
    settings.SLATE_DETAIL_SHARE = 0.25
    found(outcome="unknown", clicks=4)
    text = page(staff).content.decode()
    assert "25.0% of slates keep their candidates now." in text
    assert "4 clicks followed a slate without them" in text
    assert "of the rest nothing is known" in page(staff).context["title"]


def test_deleted_topics_keep_their_row(staff: Client) -> None:
    found(topic_id=77)
    assert [line["Topic"] for line in rows(staff, "topics")] == ["deleted topic 77"]


@pytest.mark.parametrize("query", [{"days": "8"}, {"days": "x"}, {"way": "carrier pigeon"}])
def test_what_it_does_not_know_is_not_found(staff: Client, query: dict[str, str]) -> None:
    assert asked(staff, **query).status_code == 404


# --- examples ---


def test_examples_are_clicks_on_what_was_not_retrieved_the_newest_first() -> None:
    reader, items = make_reader(), [make_item() for _ in range(6)]
    shown, low, removed, strange, stranger, undone = items
    slate = feed(reader, [shown], union=[shown, low], removed_items=[removed])
    for place, item in enumerate((shown, low, removed, strange, stranger)):
        opens(reader, item, slate, happened_at=NINE + (3 + place) * MINUTE)
    opens(reader, undone, slate, undone_at=NINE + 9 * MINUTE)
    without = feed(make_reader(), [shown])
    opens(Reader.objects.get(public_id=without.reader_public_id), make_item(), without)
    misses = newest_misses(now=NOON, ways=ELSEWHERE)
    assert [(miss.item_id, miss.reader, miss.slate_id) for miss in misses] == [
        (stranger.pk, reader.public_id, slate.id),
        (strange.pk, reader.public_id, slate.id),
    ]
    assert newest_misses(now=NOON, ways=["topic"]) == []
    assert newest_misses(now=NINE, ways=ELSEWHERE) == []
    assert len(newest_misses(now=NOON, ways=ELSEWHERE, most=1)) == 1


def test_what_an_earlier_feed_of_the_visit_showed_and_a_second_click_are_no_examples() -> None:
    reader, early, again = make_reader(), make_item(), make_item()
    first = feed(reader, [early], union=[early])
    feed(reader, [], union=[], visit_id=first.visit_id, served_at=NINE + MINUTE)
    opens(reader, early, first)
    opens(reader, again, first)
    opens(reader, again, first, happened_at=NINE + 5 * MINUTE)
    assert [miss.at for miss in newest_misses(now=NOON, ways=ELSEWHERE)] == [NINE + 3 * MINUTE]


def test_only_the_newest_interactions_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, item = make_reader(), make_item()
    opens(reader, item, feed(reader, [], union=[]))
    make_interaction(reader, "like", item, happened_at=NINE + 9 * MINUTE)
    assert len(newest_misses(now=NOON, ways=ELSEWHERE)) == 1
    monkeypatch.setattr(misses_module, "RECENT", 1)
    assert newest_misses(now=NOON, ways=ELSEWHERE) == []


def test_examples_lead_to_item_reader_and_slate_for_whoever_may_see_readers(staff: Client, client: Client) -> None:
    reader, item = make_reader(), make_item("A bridge of stone")
    slate = feed(reader, [], union=[])
    opens(reader, item, slate)
    text = page(staff).content.decode()
    for name, key in (("item", item.pk), ("reader", reader.public_id), ("slate", slate.id)):
        assert f'href="{reverse(f"staff:{name}", args=[key])}"' in text
    helper = User.objects.create_user("helper@example.com", is_staff=True)
    client.force_login(helper)
    assert "A bridge of stone" not in page(client).content.decode()
    assert asked(client, csv="examples").status_code == 404
    helper.user_permissions.add(Permission.objects.get(codename="view_reader"))
    assert "A bridge of stone" in page(client).content.decode()
