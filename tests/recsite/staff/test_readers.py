"""Staff find a reader, and see what serving knows of them and what the funnel makes of it."""

from __future__ import annotations

import csv
import io
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.urls import reverse

from catalog.models import Item, Reader, ReaderMerge
from feedback.models import Slate
from ranking.reason_text import Names, reason_text
from ranking.reasons import Reason, Why
from recsite.funnel.funnel import Funnel
from recsite.metrics import SERVING_SECONDS, SOURCE_FAILURES
from recsite.page_explained import explained
from recsite.personal_page import PageRequest, make_page
from recsite.pins import Pinned
from recsite.reader_state import read_state
from recsite.releases.live import Serving
from recsite.staff.inspection import Inspection, inspect
from tests.factories import make_reader, make_slate
from tests.recsite.planted_site import FIRST, RELEASE, Site, readers, stage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff(client: Client) -> Client:
    user = User.objects.create_user("ada", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_reader"))
    client.force_login(user)
    return client


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    opened = Site.open(monkeypatch)
    for user in ("recsite.staff.pages.readers.shelf", "recsite.staff.loaded_releases.shelf"):
        monkeypatch.setattr(user, lambda: opened.shelf)
    monkeypatch.setattr("recsite.clock.now", lambda _request=None: opened.now)
    return opened


def found(staff: Client, **query: str) -> Any:
    return staff.get(reverse("staff:readers"), query)


def address(reader: Reader | uuid.UUID) -> str:
    return reverse("staff:reader", args=[reader.public_id if isinstance(reader, Reader) else reader])


def looked_at(staff: Client, reader: Reader | uuid.UUID, **query: Any) -> Any:
    answer = staff.get(address(reader), query)
    assert answer.status_code == 200, answer
    return answer


def rows_of(staff: Client, reader: Reader | uuid.UUID, table: str, **query: Any) -> list[dict[str, str]]:
    answer = staff.get(address(reader), {"csv": table, **query})
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def a_busy_reader(site: Site) -> Reader:
    """Reads English, opened, dismissed and hid something, and saw a page."""
    reader = next(one for one in readers() if one.languages == ["en"])
    page = site.page(reader, languages=frozenset(["en"]))
    site.see(page, 6)
    site.pass_time(minutes=1)
    site.act(reader, "click", page.slate.entries[0].item_id)
    site.act(reader, "dismiss", page.slate.entries[1].item_id)
    site.act(reader, "hide_topic", topic_id=2)
    site.act(reader, "hide_author", author_id=3)
    site.act(reader, "search", query="number nine")
    reader.followed_topics.add(1)
    site.pass_time(minutes=1)
    site.count()
    return reader


# --- finding ---


@pytest.mark.parametrize("name", ["public_id", "prefix", "external_id", "email", "capitals", "username"])
def test_one_reader_is_opened_at_once(staff: Client, name: str) -> None:
    user = User.objects.create_user("grace", email="grace@example.org", password="x")
    reader = make_reader(user=user, external_id="movielens:42")
    make_reader(external_id="movielens:43")
    names = {
        "public_id": str(reader.public_id),
        "prefix": str(reader.public_id)[:13],
        "external_id": "movielens:42",
        "email": "grace@example.org",
        "capitals": "Grace@Example.org",
        "username": "grace",
    }
    answer = found(staff, q=f" {names[name]} ")
    assert answer.status_code == 302
    assert answer.url == address(reader)


def test_a_reader_who_was_merged_is_found_by_the_old_id(staff: Client) -> None:
    reader, old = make_reader(), uuid.uuid4()
    ReaderMerge.objects.create(old_public_id=old, reader=reader, merged_at=reader.created_at)
    assert found(staff, q=str(old)).url == address(reader)
    assert staff.get(address(old)).url == address(reader)


def test_several_with_one_beginning_are_listed(staff: Client) -> None:
    for number in range(3):
        make_reader(external_id=f"movielens:{number}")
    answer = found(staff, q="movielens:")
    assert answer.context["title"] == "3 readers have a name like this."
    assert len(answer.context["tables"]["readers"].rows) == 3


def test_without_a_name_the_newest_are_listed(staff: Client) -> None:
    made = [make_reader() for _ in range(3)]
    rows = found(staff).context["tables"]["readers"].rows
    assert [row[0].text for row in rows] == [str(reader.public_id) for reader in reversed(made)]


@pytest.mark.parametrize("name", ["nobody", "%", "'", "\0", "x" * 500, "aaaaaaaa"])
def test_what_nobody_is_called_finds_nobody(staff: Client, name: str) -> None:
    make_reader(external_id="movielens:1", public_id=uuid.UUID(int=1))
    answer = found(staff, q=name)
    assert answer.status_code == 200
    if name.strip("\0"):
        assert answer.context["title"] == "No reader has this name."


def test_an_unknown_id_is_not_found(staff: Client) -> None:
    assert staff.get(address(uuid.uuid4())).status_code == 404


# --- what serving knows ---


def test_the_state_is_what_was_done(staff: Client, site: Site) -> None:
    reader = a_busy_reader(site)
    history = rows_of(staff, reader, "history")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.title, x.kind FROM feedback_interaction x JOIN catalog_item i ON i.id = x.item_id"
            " WHERE x.reader_id = %s AND x.kind IN ('click', 'like', 'save', 'outbound', 'dismiss')"
            " ORDER BY x.happened_at DESC",
            [reader.pk],
        )
        wanted = cursor.fetchall()
    assert sorted((row["Item"], row["What they did"]) for row in history) == sorted(wanted)
    refusals = {(row["How"], row["What"]) for row in rows_of(staff, reader, "refusals")}
    dismissed = next(title for title, kind in wanted if kind == "dismiss")
    assert refusals == {("topic hidden", "Topic 1"), ("author hidden", "Author 2"), ("not interested", dismissed)}
    page = looked_at(staff, reader).content.decode()
    assert "number nine" in page
    assert "Topic 0" in page


def test_what_was_seen_and_not_chosen_is_counted(staff: Client, site: Site) -> None:
    reader = a_busy_reader(site)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.title, count(*) FROM feedback_view v JOIN feedback_slate s ON s.id = v.slate_id"
            " JOIN catalog_item i ON i.id = v.item_id WHERE s.reader_public_id = %s AND NOT EXISTS ("
            " SELECT FROM feedback_interaction x WHERE x.reader_id = %s AND x.item_id = v.item_id) GROUP BY 1",
            [reader.public_id, reader.pk],
        )
        wanted = dict(cursor.fetchall())
    assert {row["Item"]: int(row["Times seen"]) for row in rows_of(staff, reader, "viewed")} == wanted


# --- the funnel ---


def test_the_page_is_the_one_that_serving_would_make(staff: Client, site: Site) -> None:
    reader = a_busy_reader(site)
    state = read_state(reader=reader, languages=frozenset(["en"]), now=site.now)
    assert site.shelf.live is not None
    asked = PageRequest(state=state, shown=(), now=site.now, size=24, columns=3)
    served = make_page(site.shelf.live.funnel, asked).drawn.item_ids
    titles = Item.objects.in_bulk(served)
    rows = rows_of(staff, reader, "page")
    assert [row["Item"] for row in rows] == [titles[item_id].title for item_id in served]
    assert [int(row["Place"]) for row in rows] == list(range(1, len(served) + 1))


def test_looking_records_nothing(staff: Client, site: Site) -> None:
    reader = a_busy_reader(site)
    before = (Slate.objects.count(), reader.interactions.count())
    looked_at(staff, reader)
    looked_at(staff, reader, what_if="1", languages=["sv"])
    assert (Slate.objects.count(), reader.interactions.count()) == before


def test_counts_of_the_stages_add_up(site: Site) -> None:
    inspection = inspected(site, a_busy_reader(site))
    named = {item_id for run in inspection.sources for item_id in run.item_ids}
    assert len(inspection.page.named) == len(named) == len(inspection.order) + len(inspection.removed)
    assert set(inspection.order).isdisjoint(inspection.removed)
    assert set(inspection.item_ids) <= set(inspection.order)
    assert sorted(inspection.order) == sorted(inspection.fusion_order)


def test_filters_name_what_they_removed(staff: Client, site: Site) -> None:
    reader = a_busy_reader(site)
    removed = rows_of(staff, reader, "removed")
    assert {row["Why"] for row in removed} == {"language", "hidden topic", "hidden author"}
    for row in removed:
        item = Item.objects.get(title=row["Item"])
        right = {
            "language": item.language != "en",
            "hidden topic": item.topics.filter(pk=2).exists(),
            "hidden author": item.author_id == 3,
        }
        assert right[row["Why"]]
    by_reason = {row["Why"]: int(row["Items"]) for row in rows_of(staff, reader, "reasons")}
    for reason in {row["Why"] for row in removed}:
        assert by_reason[reason] == sum(row["Why"] == reason for row in removed)
    assert by_reason["dismissed"] == 1


def test_an_item_that_was_hidden_a_moment_ago_is_removed_and_said_so(staff: Client, site: Site) -> None:
    reader = a_busy_reader(site)
    first = rows_of(staff, reader, "page")[0]["Item"]
    Item.objects.filter(title=first).update(hidden=True)
    assert first not in {row["Item"] for row in rows_of(staff, reader, "page")}
    assert {"Item": first, "Why": "not public"}.items() <= next(
        row for row in rows_of(staff, reader, "removed") if row["Item"] == first
    ).items()
    assert "not public" in looked_at(staff, reader).content.decode()


def test_places_by_score_are_those_of_the_scores(staff: Client, site: Site) -> None:
    rows = rows_of(staff, a_busy_reader(site), "order")
    scores = [float(row["Score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert [int(row["By score"]) for row in rows] == list(range(1, len(rows) + 1))
    assert all(int(row["Ranker moved it"]) == int(row["By fusion"]) - int(row["By score"]) for row in rows)


def test_sources_are_counted_by_what_they_named(staff: Client, site: Site) -> None:
    reader = a_busy_reader(site)
    inspection = inspected(site, reader)
    for row in rows_of(staff, reader, "sources"):
        run = next(run for run in inspection.sources if run.title == row["Source"])
        others = {item_id for other in inspection.sources if other is not run for item_id in other.item_ids}
        assert int(row["Named"]) == len(run.item_ids)
        assert int(row["Alone"]) == len(set(run.item_ids) - others)
        assert int(row["On the page"]) == len(set(run.item_ids) & set(inspection.item_ids))


def test_chances_are_those_that_serving_draws_with(site: Site, settings: Any) -> None:
    settings.EXPLORATION_SHARE = 0.3
    reader = a_busy_reader(site)
    inspection = inspected(site, reader)
    exploration = inspection.exploration
    assert site.shelf.live is not None
    drawn = None
    for seed in range(200):  # the first slot of a page whose draw is greedy has the propensity that is said
        asked = PageRequest(
            state=inspection.state, shown=(), now=site.now, size=24, columns=3, exploration_share=0.3, seed=seed
        )
        drawn = make_page(site.shelf.live.funnel, asked).drawn
        if drawn.item_ids[:2] == inspection.item_ids[:2]:
            break
    assert drawn is not None
    assert drawn.slots[0].propensity == pytest.approx(exploration.slots[0].stays)
    assert drawn.slots[1].propensity == pytest.approx(exploration.slots[1].stays)
    outside = exploration.slots[0].of_outside
    assert sum(chance for _, chance in exploration.pool) + outside == pytest.approx(1.0)
    assert [chance.item_id for chance in exploration.slots] == list(inspection.item_ids)


def test_without_exploration_every_place_stays(site: Site, settings: Any) -> None:
    settings.EXPLORATION_SHARE = 0
    exploration = inspected(site, a_busy_reader(site)).exploration
    assert {chance.stays for chance in exploration.slots} == {1.0}
    assert exploration.pool == ()


def inspected(site: Site, reader: Reader) -> Inspection:
    state = read_state(reader=reader, languages=frozenset(["en"]), now=site.now)
    assert site.shelf.live is not None
    return inspect(state=state, serving=site.shelf.live, now=site.now, columns=3)


# --- who is not served by a release ---


def test_a_cookie_without_a_row_is_served_as_somebody_new(staff: Client, site: Site) -> None:
    cookie = uuid.uuid4()
    site.page(None, public_id=cookie, languages=frozenset(["sv"]))
    site.pass_time(minutes=1)
    page = looked_at(staff, cookie)
    assert "there is no row of them" in page.content.decode()
    shown = {row["Item"] for row in rows_of(staff, cookie, "page")}
    assert shown
    assert set(Item.objects.filter(title__in=shown).values_list("language", flat=True)) == {"sv"}
    assert found(staff, q=str(cookie)).url == address(cookie)


def test_a_reader_without_personalisation_has_a_page_by_rules(staff: Client, site: Site) -> None:
    reader = a_busy_reader(site)
    Reader.objects.filter(pk=reader.pk).update(personalised=False)
    page = looked_at(staff, reader)
    assert page.context["title"].startswith("This reader switched personalisation off")
    assert page.context["picture"] is None
    assert {row["Source"] for row in rows_of(staff, reader, "page")} <= {"popular", "fresh"}
    assert rows_of(staff, reader, "history") == []


def test_whose_browser_refuses_to_be_profiled_has_a_page_by_rules_and_no_history(staff: Client, site: Site) -> None:
    reader = a_busy_reader(site)
    newest = Slate.objects.filter(reader_public_id=reader.public_id, surface="home").latest("id")
    make_slate(
        newest.items,
        reader=reader,
        served_at=newest.served_at + timedelta(seconds=1),
        release=None,
        fallback="personalisation off",
    )
    page = looked_at(staff, reader)
    assert page.context["title"].startswith("The last home page of this reader was asked for without personalisation")
    assert "Global Privacy Control" in page.context["title"]
    assert page.context["picture"] is None
    assert rows_of(staff, reader, "history") == []


def test_without_a_release_the_page_is_by_rules(staff: Client, site: Site) -> None:
    reader = a_busy_reader(site)
    site.shelf.live = None
    page = looked_at(staff, reader, what_if="1")
    assert page.context["title"].startswith("No release serves")
    assert rows_of(staff, reader, "page")


def test_a_release_that_fails_is_no_broken_page(staff: Client, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = a_busy_reader(site)

    def fails(*_args: object, **_named: object) -> None:
        raise RuntimeError("no such tree")

    monkeypatch.setattr("recsite.funnel.funnel.Funnel.scores", fails)
    assert looked_at(staff, reader).context["title"].startswith("The release fails for this reader")


def test_looking_is_not_counted_as_serving(staff: Client, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = a_busy_reader(site)

    def fails(*_args: object, **_named: object) -> None:
        raise RuntimeError("an index that is broken")

    monkeypatch.setattr("retrieval.retriever.Retriever.candidates", fails)
    before = counted()
    assert looked_at(staff, reader, what_if="1", languages=["sv"]).context["comparison"].entered
    assert counted() == before
    site.page(reader)
    assert counted() != before


def counted() -> list[tuple[str, dict[str, str], float]]:
    """Steps of serving that were timed, and sources that failed."""
    metrics = [*SERVING_SECONDS.collect(), *SOURCE_FAILURES.collect()]
    samples = [each for metric in metrics for each in metric.samples]
    return [(each.name, each.labels, each.value) for each in samples if each.name.endswith(("_count", "_total"))]


# --- what if ---


def test_a_form_sent_as_it_is_changes_nothing(staff: Client, site: Site) -> None:
    reader = a_busy_reader(site)
    page = looked_at(staff, reader, what_if="1", languages=["en"], topics=["1"], country=reader.country, columns="3")
    assert page.context["title"] == "Nothing is changed, so this is their page as it is."
    comparison = page.context["comparison"]
    assert (comparison.entered, comparison.left, comparison.shifted) == (0, 0, 0)


def test_in_another_language_all_items_are_others(staff: Client, site: Site) -> None:
    reader = a_busy_reader(site)
    asked = {"what_if": "1", "languages": ["sv"], "topics": ["1"], "country": reader.country, "columns": "3"}
    page = looked_at(staff, reader, **asked)
    comparison = page.context["comparison"]
    assert page.context["changes"] == ["languages"]
    assert comparison.stayed == comparison.shifted == 0
    assert comparison.entered > 0
    rows = rows_of(staff, reader, "compared", **asked)
    entered = [row["Item"] for row in rows if row["Change"] == "entered"]
    assert set(Item.objects.filter(title__in=entered).values_list("language", flat=True)) == {"sv"}
    assert {row["Why it left"] for row in rows if row["Change"] == "left"} <= {"removed: language", "not named"}


def test_changes_say_what_was_changed(staff: Client, site: Site) -> None:
    reader = a_busy_reader(site)
    page = looked_at(
        staff,
        reader,
        what_if="1",
        languages=["en"],
        topics=["1", "3"],
        country="NO",
        columns="1",
        at="2026-02-03T20:00",
    )
    assert page.context["changes"] == ["topics", "country", "time", "columns"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"languages": "xx"}, "No visible item is in the language xx"),
        ({"topics": "99"}, "There is no topic 99"),
        ({"topics": "x"}, "is not a topic"),
        ({"country": "Sweden"}, "is no country"),
        ({"at": "noon"}, "is no time"),
        ({"at": "0001-01-01T00:00"}, "too far away"),
        ({"columns": "99"}, "1 to 12 columns"),
        ({"columns": "-1"}, "is not a number of columns"),
        ({"release": "99"}, "There is no release 99"),
    ],
)
def test_what_cannot_be_tried_is_said(staff: Client, site: Site, asked: dict[str, str], said: str) -> None:
    page = looked_at(staff, a_busy_reader(site), what_if="1", **asked)
    assert page.context["title"] == "This cannot be tried."
    assert said in page.context["sentence"]


def test_a_release_that_fails_while_it_is_tried_is_a_sentence(
    staff: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = a_busy_reader(site)
    scores = Funnel.scores

    def fails(self: Funnel, features: Any) -> Any:
        if self is broken:
            raise RuntimeError("no such tree")
        return scores(self, features)

    live = site.shelf.live
    assert live is not None
    broken = Funnel.of(stage(), site.ranker, live.funnel.catalogue)
    site.shelf.kept = [Serving(RELEASE + 1, broken)]
    monkeypatch.setattr("recsite.funnel.funnel.Funnel.scores", fails)
    page = looked_at(staff, reader, what_if="1", languages=["en"], topics=["1"], release=RELEASE + 1)
    assert page.context["title"] == "This cannot be tried."
    assert f"Release {RELEASE + 1} fails" in page.context["sentence"]
    assert "no such tree" in page.context["sentence"]


def test_an_earlier_time_is_before_what_was_done_later(staff: Client, site: Site) -> None:
    reader = a_busy_reader(site)
    clicked = Item.objects.get(pk=reader.interactions.get(kind="click").item_id)
    asked = {"what_if": "1", "languages": ["en"], "topics": ["1"], "at": site.now.strftime("%Y-%m-%dT%H:58")}
    asked["at"] = "2026-02-01T08:59"
    named = looked_at(staff, reader, **asked).context["tables"]["compared"]
    assert clicked.pk >= FIRST
    assert clicked.title in {row[1].text for row in named.rows}


# --- pins and rights ---


def test_an_item_placed_by_hand_is_said_to_be(staff: Client, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = a_busy_reader(site)
    item_id = inspected(site, reader).order[-1]
    make_request = PageRequest

    def with_pin(**named: Any) -> PageRequest:
        return make_request(**{**named, "pinned": (Pinned(1, item_id, site.now),)})

    monkeypatch.setattr("recsite.serving.PageRequest", with_pin)
    inspection = inspected(site, reader)
    assert inspection.item_ids[1] == item_id
    assert [chance.stays is None for chance in inspection.exploration.slots][:3] == [False, True, False]
    rows = rows_of(staff, reader, "page")
    assert rows[1]["What the reader is told"] == reason_text(Reason(Why.PINNED), Names())
    assert looked_at(staff, reader).context["picture"].lines[1].item_id == item_id


def test_staff_who_may_not_see_readers_are_refused(client: Client) -> None:
    client.force_login(User.objects.create_user("bob", password="x", is_staff=True))
    assert client.get(reverse("staff:readers")).status_code == 403
    assert client.get(address(uuid.uuid4())).status_code == 403


def test_looking_needs_nothing_that_only_training_needs(
    staff: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object) -> None:
        raise AssertionError("Contributions take LightGBM, a second and a hundred megabytes of a web process.")

    monkeypatch.setattr("ranking.onnx_order.OnnxOrder.contributions", fails)
    monkeypatch.setattr("ranking.boosting.TreeModel.contributions", fails)
    reader = a_busy_reader(site)
    assert looked_at(staff, reader).context["inspection"] is not None


def test_moves_are_those_of_the_explanation(site: Site) -> None:
    inspection = inspected(site, a_busy_reader(site))
    said = {each.item_id: each.moves for each in explained(inspection.page)}
    assert {slot.item_id: slot.moves for slot in inspection.slots} == said
