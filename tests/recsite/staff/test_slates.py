"""The pages of slates, on a site whose own code served and recorded them."""

from __future__ import annotations

import csv
import io
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from catalog.models import Item, Reader
from feedback.kinds import Kind
from feedback.models import Slate, SlateDetail, View
from feedback.surfaces import Excluded, Surface
from recsite.funnel.funnel import Funnel
from recsite.metrics import SERVING_SECONDS
from recsite.personal_page import NoCandidates
from recsite.releases.live import Serving
from recsite.releases.store import ArtefactStore, store
from recsite.slates import NO_RELEASE
from recsite.staff import loaded_releases, slate_search
from recsite.staff.replay import CLOSE, NotRecorded, features_of_slot, replay_chances, replay_scores
from recsite.staff.served_again import serve_again
from recsite.staff.slate_story import SlateStory, read_story
from tests.factories import NOW, make_interaction, make_item, make_reader, make_slate, make_view
from tests.recsite.funnel.world import fusion_ranker
from tests.recsite.planted_site import RELEASE, Site, readers, stage
from tests.recsite.releases.stored import stored_release

pytestmark = pytest.mark.django_db(transaction=True)

OVER = timedelta(hours=2)


@pytest.fixture(autouse=True)
def nothing_loaded() -> None:
    loaded_releases.forget()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Site:
    settings.EXPLORATION_SHARE = 0.4
    settings.SLATE_DETAIL_SHARE = 1.0
    return Site.open(monkeypatch)


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("editor@example.com"))
    return client


@pytest.fixture
def files(settings: Settings, tmp_path: Path) -> ArtefactStore:
    settings.ARTEFACT_URL, settings.ARTEFACT_CACHE = f"file://{tmp_path}/artefacts", tmp_path / "cache"
    return store()


def newest() -> Slate:
    slate = Slate.objects.order_by("-pk").first()
    assert slate is not None
    return slate


def detail_of(slate: Slate) -> SlateDetail:
    return SlateDetail.objects.get(pk=slate.pk)


def opened(staff: Client, slate: Slate, **query: object) -> Any:
    answer = staff.get(reverse("staff:slate", args=[slate.pk]), query)
    assert answer.status_code == 200
    return answer


def listed(staff: Client, **query: object) -> Any:
    answer = staff.get(reverse("staff:slates"), query)
    assert answer.status_code == 200
    return answer


def ids_listed(staff: Client, **query: object) -> list[uuid.UUID]:
    rows = listed(staff, **query).context["tables"]["slates"].rows
    return [uuid.UUID(row[0].url.rstrip("/").rpartition("/")[2]) for row in rows]


def times_served() -> dict[str, float]:
    """How often each step of serving was timed."""
    [metric] = SERVING_SECONDS.collect()
    return {each.labels["step"]: each.value for each in metric.samples if each.name.endswith("_count")}


def sql(query: str, *values: object) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def story_of(slate: Slate, *, after: timedelta = OVER) -> SlateStory:
    story = read_story(slate.pk, now=slate.served_at + after)
    assert story is not None
    return story


# --- replaying ---


def test_scores_and_propensities_computed_again_equal_those_recorded(site: Site) -> None:
    branches: set[int] = set()
    for reader in [*readers()[:12], None]:
        site.page(reader, **({} if reader else {"public_id": uuid.uuid4()}))
        site.pass_time(minutes=1)
        slate = newest()
        branches |= set(slate.branches)
        scores, chances = replay_scores(slate, detail_of(slate)), replay_chances(slate, detail_of(slate))
        assert scores.why_not == chances.why_not == ""
        assert scores.compared == sum(score is not None for score in slate.scores) > 0
        assert chances.compared == len(slate.items)
        for recorded, again in (
            *zip(slate.scores, scores.values, strict=True),
            *zip(slate.propensities, chances.values, strict=True),
        ):
            assert again == (None if recorded is None else pytest.approx(recorded, rel=CLOSE, abs=CLOSE))
        assert scores.is_equal
        assert chances.is_equal
    assert {Slate.Branch.GREEDY, Slate.Branch.POOL} <= branches


def test_the_page_says_that_what_was_recorded_comes_out_again(site: Site, staff: Client) -> None:
    site.page(readers()[0])
    page = opened(staff, newest())
    assert "recorded scores come out again" in page.text
    assert "All 12 recorded propensities come out again" in page.text


def test_a_score_that_was_tampered_with_is_found(site: Site, staff: Client) -> None:
    site.page(readers()[0])
    slate = newest()
    first = next(index for index, score in enumerate(slate.scores) if score is not None)
    slate.scores[first] += 0.01
    slate.save(update_fields=["scores"])
    replay = replay_scores(slate, detail_of(slate))
    assert replay.different == 1
    assert replay.largest == pytest.approx(0.01, rel=1e-2)
    assert "recorded scores come out differently" in opened(staff, slate).text


def test_a_release_that_serves_no_more_is_replayed_from_its_files_until_they_are_pruned(
    site: Site, staff: Client, files: ArtefactStore
) -> None:
    site.page(readers()[0])
    release = stored_release(files, site.ranker)
    Slate.objects.update(release=release.pk)
    site.shelf.live = None
    slate = newest()
    assert replay_scores(slate, detail_of(slate)).is_equal
    files.delete(release.ranker)
    files.clear_cache()
    assert replay_scores(slate, detail_of(slate)).is_equal, "what is loaded goes on"
    loaded_releases.forget()
    said = f"Release {release.pk} cannot be loaded: its files were pruned"
    assert said in replay_scores(slate, detail_of(slate)).why_not
    page = opened(staff, slate, position=slate.first_position)
    assert said in page.text
    assert "All 12 recorded propensities come out again" in page.text, "they need no release"
    values = {row[0].text: row for row in page.context["tables"]["features"].rows}
    assert values["num_sources"][2].value is not None
    assert values["num_sources"][3].value is None
    assert "contributions" not in page.context["charts"]


def test_a_release_whose_row_is_gone_is_said_to_be_no_release(site: Site, staff: Client) -> None:
    site.page(readers()[0])
    site.shelf.live = None
    assert f"There is no release {RELEASE}." in opened(staff, newest()).text


def test_a_slate_without_details_says_so(site: Site, staff: Client) -> None:
    site.page(readers()[0])
    SlateDetail.objects.all().delete()
    page = opened(staff, newest(), position=0)
    assert "No features were recorded with this slate" in page.text
    assert "The pool that its slots were drawn from was not kept" in page.text
    assert "features" not in page.context["tables"]


def test_a_slate_whose_candidates_were_not_kept_still_has_its_scores(site: Site, settings: Settings) -> None:
    settings.SLATE_DETAIL_SHARE = 0.0
    site.page(readers()[0])
    slate = newest()
    assert replay_scores(slate, detail_of(slate)).is_equal
    assert "0% of slates" in replay_chances(slate, detail_of(slate)).why_not


def test_a_slate_by_rules_has_nothing_to_compute_again(site: Site, staff: Client) -> None:
    site.shelf.live = None
    site.page(readers()[0])
    slate = newest()
    assert (slate.release, slate.fallback) == (None, NO_RELEASE)
    page = opened(staff, slate)
    assert "Rules showed 12 items" in page.text
    assert "No release was live, so rules took what is popular and fresh." in page.text
    assert "Rules ordered this slate" in page.text


# --- the features of a position ---


def test_contributions_sum_to_the_recorded_score(site: Site) -> None:
    site.page(readers()[0])
    slate = newest()
    for index, score in enumerate(slate.scores):
        found = features_of_slot(slate, detail_of(slate), index)
        assert found.base is not None
        total = found.base + sum(row.contribution or 0.0 for row in found.rows)
        assert score is None or total == pytest.approx(score, abs=1e-5)


def test_values_are_those_recorded_and_stand_beside_what_they_mean(site: Site, staff: Client) -> None:
    site.page(readers()[0])
    slate = newest()
    page = opened(staff, slate, position=3)
    ranker = site.ranker
    recorded = np.frombuffer(bytes(detail_of(slate).features or b""), "<f4").reshape(12, -1)[3]
    by_name = dict(zip(ranker.feature_set.names, recorded.tolist(), strict=True))
    meanings = {feature.name: feature.meaning for feature in ranker.feature_set.features}
    rows = page.context["tables"]["features"].rows[:-1]  # the last is the base, of no feature
    assert {row[0].text for row in rows} == set(by_name)
    for name, _, value, _, meaning in rows:
        assert meaning.text == meanings[name.text]
        known = by_name[name.text]
        assert value.value == (None if np.isnan(known) else known)


def test_the_rows_of_the_page_sum_to_the_score(site: Site, staff: Client) -> None:
    site.page(readers()[0])
    slate = newest()
    place = next(place for place, score in enumerate(slate.scores) if score is not None)
    rows = opened(staff, slate, position=place).context["tables"]["features"].rows
    base = rows[-1]
    assert base[0].text == "base"
    assert base[3].value == features_of_slot(slate, detail_of(slate), place).base
    assert "every candidate starts from" in base[4].text
    assert sum(row[3].value for row in rows) == pytest.approx(slate.scores[place], abs=1e-5)


def test_the_chart_has_the_twelve_largest_contributions(site: Site, staff: Client) -> None:
    site.page(readers()[0])
    slate = newest()
    chart = opened(staff, slate, position=0, json="contributions").json()
    everything = features_of_slot(slate, detail_of(slate), 0).rows
    sizes = sorted((abs(row.contribution or 0.0) for row in everything), reverse=True)
    assert [abs(value) for value in chart["series"][0]["values"]] == pytest.approx(sizes[:12])
    assert chart["kind"] == "bars"


def test_features_of_another_set_are_not_given_to_a_ranker(site: Site) -> None:
    site.page(readers()[0])
    SlateDetail.objects.update(feature_set="older")
    slate = newest()
    assert "recorded as set older" in replay_scores(slate, detail_of(slate)).why_not
    with pytest.raises(NotRecorded, match="not known"):
        features_of_slot(slate, detail_of(slate), 0)


@pytest.mark.parametrize("position", ["99", "-1", "x", "٣"])
def test_a_position_that_the_slate_has_not_is_not_found(site: Site, staff: Client, position: str) -> None:
    site.page(readers()[0])
    assert staff.get(reverse("staff:slate", args=[newest().pk]), {"position": position}).status_code == 404


# --- the page as it was shown ---


def test_every_slot_stands_as_it_was_recorded(site: Site, staff: Client) -> None:
    page_shown = site.page(readers()[0])
    slate = newest()
    page = opened(staff, slate)
    rows = page.context["tables"]["slots"].rows
    titles = dict(Item.objects.values_list("pk", "title"))
    entries = page_shown.slate.entries
    assert [row[0].value for row in rows] == [entry.position for entry in entries]
    assert [row[1].text for row in rows] == [titles[entry.item_id] for entry in entries]
    assert [row[3].value for row in rows] == [entry.propensity for entry in entries]
    instead = [entry.greedy_item_id for entry in entries]
    assert [row[5].text for row in rows] == [
        "–" if item_id in {None, entry.item_id} else titles[item_id]
        for item_id, entry in zip(instead, entries, strict=True)
    ]
    sources = page.context["tables"]["sources"]
    names = [column.head for column in sources.columns]
    for row, entry in zip(sources.rows, entries, strict=True):
        said = {name: cell.value for name, cell in zip(names[2:], row[2:], strict=True) if cell.value is not None}
        assert said == {named.source: named.rank for named in entry.named_by}
        for named in entry.named_by:
            cell = row[names.index(named.source)]
            assert named.score is None or f"({named.score:.3g})" in cell.text


def test_what_became_of_a_page_is_counted_as_the_log_has_it(site: Site, staff: Client) -> None:
    reader = readers()[0]
    shown = site.page(reader)
    slate = newest()
    site.pass_time(seconds=5)
    site.see(shown, 7)
    of_slate = {"slate_id": slate.pk, "visit_id": slate.visit_id, "surface": Surface.HOME}
    for place, undone in ((1, None), (4, None), (5, site.now + timedelta(minutes=1))):
        item_id = slate.items[place]
        undoing = {"undone_at": undone, "undo_received_at": undone}
        site.act(reader, Kind.CLICK, item_id, position=place, **of_slate, **undoing)
    site.act(reader, Kind.DISMISS, slate.items[2], position=2, **of_slate)
    page = opened(staff, slate)
    [(seen,)] = sql("SELECT count(*) FROM feedback_view WHERE slate_id = %s", slate.pk)
    [(clicked,)] = sql(
        "SELECT count(DISTINCT position) FROM feedback_interaction"
        " WHERE slate_id = %s AND kind = 'click' AND undone_at IS NULL",
        slate.pk,
    )
    assert (seen, clicked) == (7, 2)
    assert f"{seen} seen, {clicked} opened." in page.context["title"]
    rows = page.context["tables"]["slots"].rows
    assert [row[6].value is not None for row in rows] == [True] * 7 + [False] * 5
    assert "undone" in rows[5][7].text
    assert "undone" not in rows[4][7].text
    assert rows[2][7].text.startswith("dismiss")
    [listed_row] = listed(staff).context["tables"]["slates"].rows
    assert [cell.value for cell in listed_row[8:10]] == [seen, clicked]


def test_a_deleted_item_leaves_its_place(site: Site, staff: Client) -> None:
    site.page(readers()[0])
    slate = newest()
    Item.objects.filter(pk=slate.items[0]).delete()
    page = opened(staff, slate)
    assert page.context["tables"]["slots"].rows[0][1].text == f"deleted item {slate.items[0]}"
    assert page.context["tables"]["slots"].rows[0][1].url == ""
    assert "recorded scores come out again" in page.text
    assert "a deleted item" in opened(staff, slate, position=0).text


def test_labels_are_those_that_training_takes_from_the_log() -> None:
    reader, items = make_reader(), [make_item() for _ in range(5)]
    slate = make_slate(items, reader=reader)
    for place in range(4):
        make_view(slate, place)
    make_interaction(reader, Kind.CLICK, items[1], slate=slate, happened_at=NOW + timedelta(seconds=9))
    make_interaction(
        reader, Kind.DWELL, items[1], slate=slate, happened_at=NOW + timedelta(seconds=30), dwell_ms=20_000
    )
    make_interaction(reader, Kind.DISMISS, items[2], slate=slate, happened_at=NOW + timedelta(seconds=9))
    labels = [slot.label for slot in story_of(slate).slots]
    assert labels == ["negative", "positive: click, gain 1", "dismissed", "negative", "unknown"]


def test_a_visit_teaches_when_it_is_over() -> None:
    slate = make_slate([make_item()], reader=make_reader())
    make_view(slate, 0, after_s=60)
    assert story_of(slate, after=timedelta(minutes=30)).slots[0].label == "visit not over yet"
    assert story_of(slate, after=timedelta(minutes=31)).slots[0].label == "negative"


def test_an_item_that_was_shown_again_teaches_once() -> None:
    reader, item, other = make_reader(), make_item(), make_item()
    first = make_slate([item, other], reader=reader)
    make_view(first, 0)
    again = make_slate(
        [item], reader=reader, visit_id=first.visit_id, served_at=NOW + timedelta(minutes=3), first_position=2
    )
    make_view(again, 0)
    assert story_of(first).slots[0].label == "counted where it was shown again, at position 2"
    assert story_of(again).slots[0].label == "negative"


def test_a_slate_that_was_left_out_teaches_nothing() -> None:
    slate = make_slate([make_item()], reader=make_reader(), excluded=Excluded.STAFF)
    assert [slot.label for slot in story_of(slate).slots] == ["nothing: left out (Staff)"]


def test_other_slates_of_the_visit_are_a_click_away(site: Site, staff: Client) -> None:
    first = site.page(readers()[0])
    site.pass_time(minutes=2)
    second = site.page(readers()[0], cursor=first.next_cursor or "")
    site.page(readers()[1])
    assert second.slate.id is not None
    [row] = opened(staff, Slate.objects.get(pk=second.slate.id)).context["tables"]["visit"].rows
    assert row[0].url == reverse("staff:slate", args=[first.slate.id])


def test_a_slate_that_nobody_knows_is_not_found(staff: Client) -> None:
    assert staff.get(reverse("staff:slate", args=[uuid.uuid4()])).status_code == 404


def test_what_filters_took_out_is_what_was_recorded(site: Site, staff: Client) -> None:
    site.page(readers()[0], languages=frozenset({"sv"}))
    slate = newest()
    rows = opened(staff, slate).context["tables"]["removed"].rows
    assert {row[0].text.replace(" ", "_"): row[1].value for row in rows} == slate.removed
    assert slate.removed["language"] > 0


# --- by another release ---


def test_the_same_release_shows_the_same_again_where_nothing_was_left_to_chance(
    site: Site, staff: Client, settings: Settings
) -> None:
    settings.EXPLORATION_SHARE = 0.0
    reader = readers()[0]
    first = site.page(reader)
    site.pass_time(minutes=1)
    second = site.page(reader, cursor=first.next_cursor or "")
    slate = Slate.objects.get(pk=second.slate.id)
    site.pass_time(minutes=5)
    site.act(reader, Kind.CLICK, first.slate.entries[0].item_id)
    site.act(reader, Kind.DISMISS, slate.items[0])
    before = Slate.objects.count()
    page = opened(staff, slate, release=RELEASE)
    assert page.context["doubts"] == ()
    assert [row[3].text for row in page.context["tables"]["again"].rows] == [
        row[1].text for row in page.context["tables"]["again"].rows
    ]
    assert "12 of 12 items are the same, 12 of them at the same position." in page.text
    assert Slate.objects.count() == before, "nothing is recorded"


def test_another_release_stands_beside_what_was_shown(site: Site, staff: Client) -> None:
    site.page(readers()[0])
    slate = newest()
    assert site.shelf.live is not None
    catalogue = site.shelf.live.funnel.catalogue
    site.shelf.kept = [Serving(RELEASE + 1, Funnel.of(stage(), fusion_ranker(), catalogue))]
    found = serve_again(slate, RELEASE + 1, [slate])
    assert found.item_ids != tuple(slate.items)
    page = opened(staff, slate, release=RELEASE + 1)
    rows = page.context["tables"]["again"].rows
    titles = dict(Item.objects.values_list("pk", "title"))
    assert [row[3].text for row in rows] == [titles[item_id] for item_id in found.item_ids]
    for row, item_id in zip(rows, found.item_ids, strict=True):
        assert row[4].value == (slate.items.index(item_id) if item_id in slate.items else None)
    same = len(set(found.item_ids) & set(slate.items))
    assert f"{same} of 12 items are the same" in page.text


def test_a_release_that_cannot_be_loaded_is_a_sentence(site: Site, staff: Client, files: ArtefactStore) -> None:
    site.page(readers()[0])
    slate = newest()
    site.shelf.live = None
    assert "There is no release 77." in opened(staff, slate, release=77).text
    release = stored_release(files, site.ranker)
    for name in (release.retriever, release.ranker):
        files.delete(name)
    files.clear_cache()
    assert "its files were pruned" in opened(staff, slate, release=release.pk).text
    assert staff.get(reverse("staff:slate", args=[slate.pk]), {"release": "x"}).status_code == 404


def test_a_release_that_fails_while_it_is_asked_is_a_sentence(
    site: Site, staff: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site.page(readers()[0])

    def fails(*_args: object, **_named: object) -> None:
        raise RuntimeError("no such tree")

    monkeypatch.setattr("recsite.funnel.funnel.Funnel.features", fails)
    page = opened(staff, newest(), release=RELEASE)
    assert f"Release {RELEASE} fails" in page.context["not_again"]
    assert "no such tree" in page.context["not_again"]
    [told] = [record for record in caplog.records if record.name == "recsite.staff.loaded_releases"]
    assert told.exc_info is not None


def test_a_database_that_does_not_answer_is_not_the_fault_of_the_release() -> None:
    for error in (OperationalError("gone"), InterfaceError("closed")):
        with pytest.raises(type(error)), loaded_releases.asking(RELEASE):
            raise error


def test_that_nothing_may_be_shown_is_no_failure_of_the_release() -> None:
    with pytest.raises(NoCandidates), loaded_releases.asking(RELEASE):
        raise NoCandidates("0 candidates were named.")


def test_files_with_values_that_make_no_sense_are_a_sentence(
    site: Site, staff: Client, files: ArtefactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.page(readers()[0])
    site.shelf.live = None
    release = stored_release(files, site.ranker)

    def fails(*_args: object, **_named: object) -> None:
        raise ValueError("vectors of two widths")

    monkeypatch.setattr("recsite.staff.loaded_releases.kept", fails)
    assert "vectors of two widths" in opened(staff, newest(), release=release.pk).context["not_again"]


def test_asking_a_release_again_is_not_counted_as_serving(site: Site, staff: Client) -> None:
    site.page(readers()[0])
    slate = newest()
    before = times_served()
    assert "again" in opened(staff, slate, release=RELEASE).context["tables"]
    assert times_served() == before


def test_somebody_whom_nobody_knows_is_asked_for_as_new(site: Site, staff: Client) -> None:
    site.page(None, public_id=uuid.uuid4())
    assert "as for somebody new" in opened(staff, newest(), release=RELEASE).text


def test_no_release_is_asked_for_what_none_would_have_made(staff: Client) -> None:
    topic = make_slate([make_item()], surface=Surface.TOPIC)
    assert "Only pages of the home feed" in opened(staff, topic, release=1).text
    switched_off = make_slate([make_item()], excluded=Excluded.PERSONALISATION_OFF)
    assert "personalisation switched off" in opened(staff, switched_off, release=1).text


def test_who_switched_personalisation_off_since_is_not_looked_at_again(site: Site, staff: Client) -> None:
    reader = readers()[0]
    site.page(reader)
    slate = newest()
    assert serve_again(slate, RELEASE, [slate]).item_ids
    Reader.objects.filter(pk=reader.pk).update(personalised=False)
    page = opened(staff, slate, release=RELEASE)
    assert "The reader has switched personalisation off since: what they did is not looked at." in page.text
    assert "again" not in page.context["tables"]


# --- the list ---


def test_the_newest_slates_come_first_and_older_ones_follow(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slate_search, "PAGE", 2)
    item = make_item()
    slates = [make_slate([item], served_at=NOW + timedelta(minutes=minute)) for minute in range(5)]
    newest_first = [slate.pk for slate in reversed(slates)]
    found: list[uuid.UUID] = []
    query = ""
    for _ in range(3):
        answer = staff.get(reverse("staff:slates") + query)
        found += [uuid.UUID(row[0].url.split("/")[-2]) for row in answer.context["tables"]["slates"].rows]
        query = answer.context["older_url"]
    assert found == newest_first
    assert query == ""


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"release": "2"}, ["by release 2"]),
        ({"release": "0", "surface": "home"}, ["fallback"]),
        ({"surface": "topic"}, ["topic"]),
        ({"fallback": "1"}, ["fallback"]),
        ({"explored": "1"}, ["explored"]),
        ({"day": "2026-02-28"}, ["the day before"]),
        ({"day": "2026-02-28", "surface": "topic"}, []),
    ],
)
def test_a_filter_leaves_what_it_says(staff: Client, query: dict[str, str], expected: list[str]) -> None:
    item, other = make_item(), make_item()
    made = {
        "plain": make_slate([item]),
        "by release 2": make_slate([item], release=2),
        "fallback": make_slate([item], release=None, fallback=NO_RELEASE),
        "topic": make_slate([item], surface=Surface.TOPIC),
        "explored": make_slate([item, other], branches=[Slate.Branch.GREEDY, Slate.Branch.OUTSIDE]),
        "the day before": make_slate([item], served_at=NOW - timedelta(days=1)),
    }
    names = {slate.pk: name for name, slate in made.items()}
    assert [names[pk] for pk in ids_listed(staff, **query)] == expected


def test_a_readers_slates_are_found_also_under_an_id_that_they_had(staff: Client) -> None:
    reader, item = make_reader(), make_item()
    old = uuid.uuid4()
    reader.merged_from.create(old_public_id=old, merged_at=NOW)
    mine = make_slate([item], reader=reader)
    before = make_slate([item], reader_public_id=old)
    make_slate([item])
    assert set(ids_listed(staff, reader=reader.public_id)) == {mine.pk, before.pk}
    assert ids_listed(staff, reader=old) == [before.pk]


def test_a_filter_looks_through_so_many_slates_and_says_how_far(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slate_search, "LOOKED_THROUGH", 3)
    item = make_item()
    rare = make_slate([item], release=2, served_at=NOW - timedelta(hours=1))
    others = [make_slate([item], served_at=NOW + timedelta(minutes=minute)) for minute in range(4)]
    answer = listed(staff, release=2)
    assert answer.context["tables"]["slates"].rows == []
    assert answer.context["looked_back_to"] == others[1].served_at
    assert "Look further back" in answer.text
    assert ids_listed(staff, release=2, before=others[1].pk) == [rare.pk]


@pytest.mark.parametrize(
    "query",
    [
        {"reader": "me"},
        {"release": "x"},
        {"surface": "moon"},
        {"day": "yesterday"},
        {"before": "1"},
        {"day": "0001-01-01"},
    ],
)
def test_a_filter_that_says_nothing_is_answered_with_a_sentence(staff: Client, query: dict[str, str]) -> None:
    make_slate([make_item()])
    answer = listed(staff, **query)
    assert answer.context["tables"]["slates"].rows == []
    assert answer.context["title"].endswith(".")


def test_an_empty_log_says_what_to_do(staff: Client) -> None:
    assert "Open the front page of the site" in listed(staff).text


def test_the_list_as_csv_has_what_the_page_has(staff: Client) -> None:
    slate = make_slate([make_item(), make_item()], reader=make_reader())
    make_view(slate, 1)
    [row] = csv.DictReader(io.StringIO(listed(staff, csv="slates").text))
    assert (row["Reader"], row["Items"], row["Seen"]) == (str(slate.reader_public_id), "2", "1")
    assert View.objects.count() == 1


def test_pages_of_slates_need_the_right_to_look_at_readers(client: Client) -> None:
    slate = make_slate([make_item()], reader=make_reader())
    client.force_login(User.objects.create_user("helper@example.com", is_staff=True))
    assert client.get(reverse("staff:slates")).status_code == 403
    assert client.get(reverse("staff:slate", args=[slate.pk])).status_code == 403


# --- what is loaded ---


def test_a_release_is_loaded_once_and_two_are_kept(site: Site, files: ArtefactStore) -> None:
    site.shelf.live = None
    releases = [stored_release(files, site.ranker) for _ in range(3)]
    served = [loaded_releases.serving_of(release.pk) for release in releases]
    assert [serving.release_id for serving in served] == [release.pk for release in releases]
    again = loaded_releases.serving_of(releases[2].pk)
    assert again.funnel is served[2].funnel
    assert loaded_releases.serving_of(releases[0].pk).funnel is not served[0].funnel
