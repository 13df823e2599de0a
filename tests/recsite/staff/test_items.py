"""The pages of items: what they say is what the rows say, and what staff do there is felt at once."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.models import Item
from feedback.models import Interaction, Slate, SlateDetail
from recsite.models import CountedUntil, FeedHour, ItemDay, PinnedItem, Release, StaffAction
from recsite.releases.changes import ITEMS, PINS
from tests.factories import NOW, make_item, make_reader, make_slate, make_topic
from tests.recsite.planted_site import FIRST, OPENED, RELEASE, Site, readers
from tests.recsite.released import FakeShelf

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsite.clock.now", lambda *_: NOW)


@pytest.fixture(autouse=True)
def empty_shelf(monkeypatch: pytest.MonkeyPatch) -> FakeShelf:
    shelf = FakeShelf()
    monkeypatch.setattr("recsite.staff.pages.items.shelf", lambda: shelf)
    return shelf


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What processes were notified of."""
    heard: list[str] = []
    monkeypatch.setattr("recsite.staff.item_actions.notify", heard.append)
    monkeypatch.setattr("recsite.publishing._send", lambda: None)
    return heard


@pytest.fixture
def editor(client: Client) -> Client:
    user = User.objects.create_user("ida@example.com", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="change_item"))
    user.user_permissions.add(Permission.objects.get(codename="view_reader"))
    client.force_login(user)
    return client


def page(client: Client, item: Item | int, **query: Any) -> Any:
    item_id = item if isinstance(item, int) else item.pk
    return client.get(reverse("staff:item", args=[item_id]), query)


def table(client: Client, path: str, key: str) -> list[dict[str, str]]:
    answer = client.get(f"{path}{'&' if '?' in path else '?'}csv={key}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def item_table(client: Client, item: Item | int, key: str) -> list[dict[str, str]]:
    return table(client, reverse("staff:item", args=[item if isinstance(item, int) else item.pk]), key)


def says(client: Client, item: Item, name: str, key: str = "why") -> str:
    rows = (list(row.values()) for row in item_table(client, item, key))
    return next(said for what, _, said in rows if what == name)


def mark_of(client: Client, item: Item, name: str, key: str = "why") -> str:
    rows = (list(row.values()) for row in item_table(client, item, key))
    return next(mark for what, mark, _ in rows if what == name)


def title_of(answer: Any) -> str:
    found = re.search(r'<h1 class="staff-title">(.*?)</h1>', answer.content.decode(), re.DOTALL)
    assert found is not None
    return found[1]


def make_day(item: Item, *, days_ago: int = 0, place: int = 0, **counts: int) -> ItemDay:
    values = {"served": 0, "viewed": 0, "clicks": 0, "likes": 0, "dismissals": 0} | counts
    return ItemDay.objects.create(item_id=item.pk, day=(NOW - timedelta(days=days_ago)).date(), place=place, **values)


# --- the list ---


def test_an_empty_site_says_what_to_do(editor: Client) -> None:
    answer = editor.get(reverse("staff:items"))
    assert answer.status_code == 200
    assert title_of(answer) == "0 items came out in the last 7 days. None is pinned."
    assert b"Import some, or publish one." in answer.content


def test_one_item_that_is_found_is_opened(editor: Client) -> None:
    item = make_item("The long tide")
    make_item("A short walk")
    for text in (str(item.pk), item.external_id, "long ti", "THE LONG"):
        answer = editor.get(reverse("staff:items"), {"q": text})
        assert (answer.status_code, answer.get("Location")) == (302, reverse("staff:item", args=[item.pk])), text


def test_several_are_listed_the_newest_first_also_hidden_ones(editor: Client) -> None:
    old, new = make_item("River one", age_days=9, hidden=True), make_item("River two", age_days=1)
    rows = table(editor, f"{reverse('staff:items')}?q=river", "found")
    assert [row["Item"] for row in rows] == [str(new), f"{old} (hidden)"]
    assert title_of(editor.get(reverse("staff:items"), {"q": "river"})) == "2 items match “river”."


@pytest.mark.parametrize("text", ["nothing like it", "'; DROP", "🙂", "9" * 40, "²", "a\0b"])
def test_what_finds_nothing_is_a_sentence(editor: Client, text: str) -> None:
    answer = editor.get(reverse("staff:items"), {"q": text})
    assert answer.status_code == 200
    assert "Try fewer words" in answer.content.decode()


def test_a_topic_lists_its_items(editor: Client) -> None:
    jazz = make_item("Blue", topics=["Jazz"])
    make_item("Green", topics=["Birds"])
    rows = table(editor, f"{reverse('staff:items')}?topic={make_topic('Jazz').pk}", "found")
    assert [row["Item"] for row in rows] == [jazz.title]


@pytest.mark.parametrize("topic", ["x", "0", "-1", "9" * 30])
def test_an_unknown_topic_is_not_found(editor: Client, topic: str) -> None:
    assert editor.get(reverse("staff:items"), {"topic": topic}).status_code == 404


def test_the_most_shown_are_those_of_the_last_seven_days(editor: Client) -> None:
    old, some, most = make_item("Old"), make_item("Some"), make_item("Most")
    make_day(old, days_ago=7, served=900)
    make_day(some, days_ago=6, served=5, viewed=4, clicks=1)
    make_day(most, served=4, viewed=4)
    make_day(most, days_ago=3, place=12, served=7, viewed=6, clicks=3)
    rows = table(editor, reverse("staff:items"), "most_shown")
    assert [(row["Item"], row["Shown"], row["Opened"], row["Click rate"]) for row in rows] == [
        ("Most", "11", "3", "0.3"),
        ("Some", "5", "1", "0.25"),
    ]


# --- one item ---


@pytest.mark.parametrize("item_id", [1, 2**63, 10**30])
def test_an_item_that_is_not_there_is_not_found(editor: Client, item_id: int) -> None:
    assert editor.get(f"/staff/items/{item_id}/").status_code == 404


def test_without_a_release_or_a_log_the_page_says_what_is_missing(editor: Client) -> None:
    item = make_item("The long tide")
    answer = page(editor, item)
    assert answer.status_code == 200
    assert title_of(answer) == (
        "“The long tide” was not shown in the last 7 days. No home page was served lately that says why."
    )
    assert says(editor, item, "Vector").startswith("No release is live")
    assert says(editor, item, "First shown", "warming_up") == "Not yet."
    assert item_table(editor, item, "exposure") == []


def test_days_and_places_are_those_that_were_counted(editor: Client) -> None:
    item = make_item("The long tide")
    make_day(make_item(), served=500, viewed=500, clicks=500)
    make_day(item, days_ago=80, served=2, viewed=1)
    make_day(item, days_ago=2, served=10, viewed=8, clicks=2, dismissals=1)
    make_day(item, days_ago=2, place=12, served=30, viewed=12, clicks=1)
    make_day(item, served=1, viewed=1, clicks=1)
    CountedUntil.objects.create(name="today", until=NOW - timedelta(minutes=4))
    days = item_table(editor, item, "exposure")
    assert [(row["Shown"], row["Viewed"], row["Opened"]) for row in days] == [
        ("40", "20", "3"),
        ("0", "0", "0"),
        ("1", "1", "1"),
    ]
    assert datetime.fromisoformat(days[0]["When"]) == datetime(2026, 2, 27, tzinfo=UTC)
    rates = item_table(editor, item, "click_rate")
    assert float(rates[0]["Click rate"]) == pytest.approx(3 / 20)
    assert float(rates[0]["Click rate, from"]) < 3 / 20 < float(rates[0]["Click rate, to"])
    assert rates[1]["Click rate"] == ""
    places = item_table(editor, item, "places")
    assert [(row["Place"], row["Shown"], row["Opened"]) for row in places] == [
        ("Positions 1 to 4", "13", "3"),
        ("Positions 13 to 24", "30", "1"),
    ]
    answer = page(editor, item)
    assert title_of(answer) == "“The long tide” was shown 41 times in the last 7 days and opened 4 times."
    assert "as of 2026-03-01 11:56:00 UTC" in answer.content.decode()
    assert says(editor, item, "First shown", "warming_up") == "On 2025-12-11 (UTC)."
    assert says(editor, item, "Seen", "warming_up") == "22 times, of 43 slots that were served."


def test_what_hides_an_item_comes_first_in_its_title(editor: Client) -> None:
    ahead = make_item("Ahead", published_at=NOW + timedelta(days=2))
    assert title_of(page(editor, ahead)) == "“Ahead” is not out yet. It is shown from 2026-03-03 12:00:00 UTC on."
    Item.objects.update(hidden=True)
    assert title_of(page(editor, ahead)) == "“Ahead” is hidden: nobody is shown it."


def test_a_check_is_marked_by_what_it_does_to_the_item(editor: Client) -> None:
    item = make_item()
    marks = [mark_of(editor, item, name) for name in ("Hidden", "Published", "Vector", "Dismissed")]
    assert marks == ["fine", "fine", "–", "–"]
    Item.objects.update(hidden=True, published_at=NOW + timedelta(days=2))
    assert [mark_of(editor, item, name) for name in ("Hidden", "Published")] == ["in the way", "in the way"]


def test_steps_from_cold_to_known_are_answered_with_yes_or_no(editor: Client) -> None:
    item = make_item()
    assert [mark_of(editor, item, name, "warming_up") for name in ("Seen", "Known")] == ["no", "–"]
    make_day(item, served=2, viewed=1)
    assert mark_of(editor, item, "Seen", "warming_up") == "yes"


def test_many_dismissals_are_said_to_be_many(editor: Client) -> None:
    item, liked = make_item(), make_item()
    make_day(item, served=40, viewed=30, dismissals=12)
    make_day(liked, served=40, viewed=30)
    FeedHour.objects.create(
        hour=NOW - timedelta(hours=3),
        surface="home",
        release=0,
        fallback="",
        part=0,
        slates=9,
        slots=200,
        explored=0,
        viewed=200,
        clicks=3,
        likes=0,
        saves=0,
        dismissals=4,
        unwanted=190,
    )
    assert "More often than usual (2.0% of all items)." in says(editor, item, "Dismissed")
    assert "Not more often than usual" in says(editor, liked, "Dismissed")


def test_who_is_shown_it_is_counted_in_the_last_home_pages(editor: Client) -> None:
    item, other = make_item("Ours", topics=["Jazz"], author="Ida Blom"), make_item("Other")
    follower, swede = make_reader(languages=["en"], country="NL"), make_reader(languages=["sv"])
    follower.followed_topics.add(make_topic("Jazz"))
    make_slate([other, item], reader=follower, served_at=NOW - timedelta(hours=2))
    make_slate([other], reader=follower, served_at=NOW - timedelta(hours=1))
    make_slate([other], reader=swede, served_at=NOW - timedelta(minutes=30))
    make_slate([item], reader=swede, served_at=NOW - timedelta(minutes=20), surface="topic")
    make_slate([item], reader=swede, served_at=NOW - timedelta(minutes=10), excluded="staff")
    make_slate([item], reader=swede, served_at=NOW - timedelta(days=31))
    rows = item_table(editor, item, "groups")
    groups = {(row["Readers"], row["Which"]): (row["Pages"], row["With it"]) for row in rows}
    assert groups == {
        ("Reads", "English"): ("2", "1"),
        ("Reads", "Svenska"): ("1", "0"),
        ("Country", "NL"): ("2", "1"),
        ("Country", "not told"): ("1", "0"),
        ("Its topics", "follows one of them"): ("2", "1"),
        ("Its topics", "follows none of them"): ("1", "0"),
        ("Its author", "does not follow them"): ("3", "1"),
    }
    assert [row["Position"] for row in item_table(editor, item, "examples")] == ["2"]


def test_how_near_it_came_is_read_from_the_candidates_that_were_kept(editor: Client) -> None:
    item, other = make_item("Ours"), make_item("Other")
    kept = [
        ([item, other], [item.pk, other.pk], [], []),
        ([other], [other.pk, 9, item.pk], [], []),
        ([other], [other.pk, item.pk], [], []),
        ([other], [other.pk, 8, 9, 10, item.pk], [], []),
        ([other], [other.pk], [item.pk], ["already_seen"]),
        ([other], [other.pk], [], []),
    ]
    for number, (shown, union, removed, reasons) in enumerate(kept):
        slate = make_slate(shown, served_at=NOW - timedelta(minutes=number))
        SlateDetail.objects.create(slate_id=slate.id, union_items=union, removed_items=removed, removed_reasons=reasons)
    make_slate([other], served_at=NOW - timedelta(minutes=50))
    assert says(editor, item, "Shown lately").startswith("On 1 of the last 6 home pages")
    assert says(editor, item, "Not retrieved").startswith("On 1 of the last 6")
    assert says(editor, item, "Ranked low") == "On 3 it was named, in the middle at rank 3, and others stood above it."
    assert says(editor, item, "Removed") == "On 1 a filter took it out: already seen 1."


# --- by the live release ---


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, empty_shelf: FakeShelf) -> Site:
    site = Site.open(monkeypatch)
    monkeypatch.setattr("recsite.clock.now", lambda *_: site.now)
    empty_shelf.live = site.shelf.live
    Release.objects.create(
        pk=RELEASE,
        state="live",
        retriever="r",
        retriever_sha256="a" * 64,
        ranker="k",
        ranker_sha256="b" * 64,
        retriever_since=OPENED - timedelta(days=30),
        retriever_until=OPENED,
        code_version="1",
        config={},
        report={},
        created_at=OPENED,
    )
    return site


@pytest.mark.django_db(transaction=True)
def test_neighbours_are_the_nearest_by_cosine(editor: Client, site: Site) -> None:
    assert site.shelf.live is not None
    prepared = site.shelf.live.funnel.prepared.table
    ids, vectors = prepared.item_ids.tolist(), prepared.vectors.tolist()
    vector_of = dict(zip(ids, vectors, strict=True))
    own = vector_of.pop(FIRST + 5)
    cosines = {other: sum(a * b for a, b in zip(own, vector, strict=True)) for other, vector in vector_of.items()}
    expected = sorted(cosines, key=lambda item_id: -cosines[item_id])[:20]
    rows = item_table(editor, FIRST + 5, "alike")
    assert [row["Item"] for row in rows] == [f"Number {other - FIRST}" for other in expected if cosines[other] > 0]
    assert float(rows[0]["Cosine"]) == pytest.approx(cosines[expected[0]], abs=1e-5)


@pytest.mark.django_db(transaction=True)
def test_what_the_same_readers_chose_is_listed(editor: Client, site: Site) -> None:
    rows = item_table(editor, FIRST + 5, "covisited")
    assert rows
    others = {f"Number {item_id - FIRST}" for item_id in _chosen_by_readers_of(FIRST + 5)}
    assert {row["Item"] for row in rows} <= others


def _chosen_by_readers_of(item_id: int) -> set[int]:
    fans = Interaction.objects.filter(item=item_id).values("reader")
    return set(Interaction.objects.filter(reader__in=fans).exclude(item=item_id).values_list("item", flat=True))


@pytest.mark.django_db(transaction=True)
def test_an_item_that_somebody_chose_before_training_is_known(editor: Client, site: Site) -> None:
    item = Item.objects.get(pk=FIRST + 5)
    chosen = Interaction.objects.filter(item=item).count()
    assert says(editor, item, "Known", "warming_up").startswith(f"Yes: release {RELEASE} learned until")
    assert says(editor, item, "Chosen", "warming_up").startswith(f"{chosen} times")
    assert "since it was trained" in says(editor, item, "Vector")


@pytest.mark.django_db(transaction=True)
def test_an_item_that_came_after_training_is_cold(editor: Client, site: Site) -> None:
    new = make_item("Brand new", published_at=site.now - timedelta(minutes=5))
    assert says(editor, new, "Known", "warming_up").startswith("No, it is cold")
    assert "has none yet (a worker makes one" in says(editor, new, "Vector")
    assert title_of(page(editor, new)).endswith("It has no vector yet.")
    assert item_table(editor, new, "alike") == item_table(editor, new, "covisited") == []


@pytest.mark.django_db(transaction=True)
def test_real_pages_are_sampled_as_sql_counts_them(editor: Client, site: Site) -> None:
    for reader in readers()[:12]:
        site.page(reader)
        site.pass_time(minutes=1)
    item_id = Slate.objects.order_by("id")[0].items[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(*) FILTER (WHERE %s = ANY(items)) FROM feedback_slate", [item_id])
        pages, showed = cursor.fetchone()
    countries = [row for row in item_table(editor, item_id, "groups") if row["Readers"] == "Country"]
    assert sum(int(row["Pages"]) for row in countries) == pages
    assert sum(int(row["With it"]) for row in countries) == showed


@pytest.mark.django_db(transaction=True)
def test_the_log_is_read_by_its_indexes(editor: Client, site: Site) -> None:
    for reader in readers()[:3]:
        site.page(reader)
        site.pass_time(minutes=1)
    with CaptureQueriesContext(connection) as asked:
        page(editor, FIRST + 5)
    of_log = [each["sql"] for each in asked if "feedback_" in each["sql"]]
    assert of_log
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for statement in of_log:
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Seq Scan on feedback" not in plan, plan


# --- actions ---


def act(client: Client, name: str, key: int, **fields: str) -> Any:
    return client.post(reverse(f"staff:{name}", args=[key]), fields, follow=True)


def trail() -> list[tuple[str, str, str, str]]:
    return list(StaffAction.objects.order_by("pk").values_list("action", "about", "by", "reason"))


def test_hiding_tells_processes_at_once_and_is_written_down(editor: Client, told: list[str]) -> None:
    item = make_item("The long tide")
    answer = act(editor, "hide_item", item.pk, hidden="1", reason="It is an advertisement.")
    item.refresh_from_db()
    assert (item.hidden, item.updated_at) == (True, NOW)
    assert told == [ITEMS]
    assert trail() == [("hidden", f"item {item.pk}", "ida@example.com", "It is an advertisement.")]
    assert "“The long tide” is hidden: nobody is shown it." in answer.content.decode()
    assert [row["Item"] for row in table(editor, reverse("staff:items"), "hidden")] == ["The long tide (hidden)"]
    assert [row["Why"] for row in item_table(editor, item, "trail")] == ["It is an advertisement."]


def test_a_hidden_item_is_shown_again(editor: Client, told: list[str]) -> None:
    item = make_item(hidden=True)
    act(editor, "hide_item", item.pk, hidden="0", reason="A mistake.")
    item.refresh_from_db()
    assert not item.hidden
    assert told == [ITEMS]
    assert [action for action, *_ in trail()] == ["shown again"]
    assert table(editor, reverse("staff:items"), "hidden") == []


@pytest.mark.parametrize("fields", [{"hidden": "1"}, {"hidden": "1", "reason": "  "}])
def test_without_a_reason_nothing_happens(editor: Client, told: list[str], fields: dict[str, str]) -> None:
    item = make_item()
    assert "Nothing was changed: say why" in act(editor, "hide_item", item.pk, **fields).content.decode()
    item.refresh_from_db()
    assert (item.hidden, told, trail()) == (False, [], [])


def test_hiding_what_is_hidden_says_so(editor: Client, told: list[str]) -> None:
    item = make_item("Gone", hidden=True)
    answer = act(editor, "hide_item", item.pk, hidden="1", reason="Twice.")
    assert "“Gone” is hidden already." in answer.content.decode()
    assert trail() == []


def test_a_pin_is_written_with_who_and_why_and_until_when(editor: Client, told: list[str]) -> None:
    item = make_item("The long tide")
    answer = act(editor, "pin_item", item.pk, position="3", lasts="7", reason="The week of the sea.")
    (pin,) = PinnedItem.objects.all()
    assert (pin.item_id, pin.position, pin.since, pin.until) == (item.pk, 2, NOW, NOW + timedelta(days=7))
    assert (pin.by, pin.reason, told) == ("ida@example.com", "The week of the sea.", [PINS])
    assert trail() == [("pinned", f"item {item.pk}", "ida@example.com", "at position 3. The week of the sea.")]
    assert "stands at position 3 of the home feed, for a week." in answer.content.decode()
    assert title_of(page(editor, item)) == "“The long tide” is pinned at position 3 of the home feed."
    assert [(row["Position"], row["Item"]) for row in table(editor, reverse("staff:items"), "pins")] == [
        ("3", "The long tide")
    ]


def test_a_pin_is_taken_down_once(editor: Client, told: list[str]) -> None:
    item = make_item()
    act(editor, "pin_item", item.pk, position="1", lasts="", reason="Now.")
    pin = PinnedItem.objects.get()
    assert pin.until is None
    act(editor, "take_down_pin", pin.pk, reason="Enough.")
    pin.refresh_from_db()
    assert (pin.taken_down_at, pin.taken_down_by, told) == (NOW, "ida@example.com", [PINS, PINS])
    again = act(editor, "take_down_pin", pin.pk, reason="Again.")
    assert "This pin was taken down already." in again.content.decode()
    assert [action for action, *_ in trail()] == ["pinned", "taken down"]


def test_the_pin_of_a_hidden_item_can_be_taken_down(editor: Client, told: list[str]) -> None:
    item = make_item("The long tide")
    act(editor, "pin_item", item.pk, position="1", lasts="", reason="Now.")
    pin_address, down_address = (
        reverse("staff:pin_item", args=[item.pk]),
        reverse("staff:take_down_pin", args=[PinnedItem.objects.get().pk]),
    )
    act(editor, "hide_item", item.pk, hidden="1", reason="Not now.")
    shown = page(editor, item).content.decode()
    assert f'action="{down_address}"' in shown
    assert f'action="{pin_address}"' not in shown
    assert [row["Item"] for row in table(editor, reverse("staff:items"), "pins")] == ["The long tide (hidden)"]
    act(editor, "take_down_pin", PinnedItem.objects.get().pk, reason="Enough.")
    assert table(editor, reverse("staff:items"), "pins") == []
    assert f'action="{pin_address}"' not in page(editor, item).content.decode(), "a hidden item is not pinned"


def test_a_position_and_an_item_are_pinned_once(editor: Client, told: list[str]) -> None:
    first, second = make_item("First"), make_item("Second")
    act(editor, "pin_item", first.pk, position="1", lasts="1", reason="One.")
    taken = act(editor, "pin_item", second.pk, position="1", lasts="1", reason="Two.")
    assert "Position 1 belongs to “First”." in taken.content.decode()
    twice = act(editor, "pin_item", first.pk, position="2", lasts="1", reason="Three.")
    assert "It is pinned at position 1 already." in twice.content.decode()
    assert PinnedItem.objects.count() == len(trail()) == len(told) == 1


def test_a_pin_that_is_over_is_in_nobodys_way(editor: Client, told: list[str]) -> None:
    first, second = make_item("First"), make_item("Second")
    PinnedItem.objects.create(item=first, position=0, since=NOW - timedelta(days=2), until=NOW, by="x", reason="x")
    assert table(editor, reverse("staff:items"), "pins") == []
    act(editor, "pin_item", second.pk, position="1", lasts="1", reason="Two.")
    assert PinnedItem.objects.get(taken_down_at=None).item == second
    assert PinnedItem.objects.get(item=first).taken_down_at == NOW


def test_a_hidden_item_is_not_pinned(editor: Client, told: list[str]) -> None:
    answer = act(editor, "pin_item", make_item(hidden=True).pk, position="1", lasts="1", reason="Why not.")
    assert "A hidden item is shown to nobody." in answer.content.decode()
    assert not PinnedItem.objects.exists()


@pytest.mark.parametrize(
    "fields", [{"position": "0"}, {"position": "9"}, {"position": "²"}, {"lasts": "4"}, {"position": ""}]
)
def test_values_that_the_form_does_not_offer_are_not_found(
    editor: Client, told: list[str], fields: dict[str, str]
) -> None:
    values = {"position": "1", "lasts": "1", "reason": "Try."} | fields
    assert act(editor, "pin_item", make_item().pk, **values).status_code == 404
    assert act(editor, "hide_item", make_item().pk, hidden="2", reason="Try.").status_code == 404


def test_who_may_not_change_items_sees_no_button_and_is_refused(client: Client, told: list[str]) -> None:
    client.force_login(User.objects.create_user("looks@example.com", is_staff=True))
    item = make_item()
    answer = page(client, item)
    assert answer.status_code == 200
    assert b"act-form" not in answer.content
    assert act(client, "hide_item", item.pk, hidden="1", reason="No.").status_code == 403
    assert client.get(reverse("staff:hide_item", args=[item.pk])).status_code == 403


def test_looking_at_an_action_does_nothing(editor: Client, told: list[str]) -> None:
    item = make_item()
    for name in ("hide_item", "pin_item"):
        assert editor.get(reverse(f"staff:{name}", args=[item.pk])).status_code == 405
    assert trail() == []
