"""What two releases would show, on a planted site with a second release that ranks otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from catalog.models import Reader
from feedback.models import Slate
from ranking.artefact import RankerArtefact
from ranking.order import RetrievalOrder
from recsite import clock
from recsite.funnel.funnel import Funnel
from recsite.funnel.sources import FEATURE_SET
from recsite.personal_page import Page
from recsite.releases.live import Serving
from recsite.serving import recommend
from recsite.staff import release_comparison
from recsite.staff.release_comparison import compare_slates, recent_readers, slate_changes
from tests.factories import make_slate
from tests.recsite.planted_site import RELEASE, Site, item_ids, readers, stage
from tests.recsite.releases.rows import make_candidate

pytestmark = pytest.mark.django_db(transaction=True)  # the catalogue is read by a connection of its own
OTHER = RELEASE + 1


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    cache.clear()
    site = Site.open(monkeypatch)
    yield site
    cache.clear()


@pytest.fixture
def other(site: Site) -> Serving:
    """The same retrieval, and what is popular first."""
    assert site.shelf.live is not None
    ranker = RankerArtefact(order=RetrievalOrder(FEATURE_SET, "popular"), report={})
    return Serving(OTHER, Funnel.of(stage(), ranker, site.shelf.live.funnel.catalogue))


def live(site: Site) -> Serving:
    assert site.shelf.live is not None
    return site.shelf.live


def test_a_release_differs_in_nothing_from_itself(site: Site) -> None:
    found = compare_slates(live(site), live(site), readers()[:3], now=site.now)
    assert [(one.overlap, one.entered, one.left) for one in found.readers] == [(1.0, (), ())] * 3
    assert found.overlap == 1.0
    assert found.entered() == found.left() == []


def test_what_entered_and_left_is_the_difference_of_both_slates(site: Site, other: Serving) -> None:
    found = compare_slates(live(site), other, readers()[:5], now=site.now)
    back = compare_slates(other, live(site), readers()[:5], now=site.now)
    assert any(one.entered for one in found.readers)
    mirrored = {one.public_id: (set(one.left), set(one.entered)) for one in back.readers}
    for one in found.readers:
        assert len(one.entered) == len(one.left)
        assert one.overlap == pytest.approx(1 - len(one.entered) / 24)
        assert not set(one.entered) & set(one.left)
        assert mirrored[one.public_id] == (set(one.entered), set(one.left))


def test_the_most_changed_come_first(site: Site, other: Serving) -> None:
    found = compare_slates(live(site), other, readers()[:8], now=site.now)
    overlaps = [one.overlap for one in found.readers]
    assert overlaps == sorted(overlaps)
    assert found.overlap == pytest.approx(sum(overlaps) / 8)


def test_items_are_counted_over_readers(site: Site, other: Serving) -> None:
    found = compare_slates(live(site), other, readers()[:8], now=site.now)
    for item, times in found.entered():
        assert times == sum(item in one.entered for one in found.readers)
        assert item in item_ids()


def test_nothing_is_recorded(site: Site, other: Serving) -> None:
    compare_slates(live(site), other, readers()[:2], now=site.now)
    assert not Slate.objects.exists()


def test_a_reader_is_asked_for_as_their_last_home_page_was(
    site: Site, other: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the page of that reader does: in the languages of their browser, where they chose none."""
    reader = readers()[0]
    Reader.objects.filter(pk=reader.pk).update(languages=[])
    site.page(reader, languages=frozenset(["sv"]), columns=5)
    asked: list[tuple[frozenset[str], int | None]] = []

    def listens(**named: Any) -> Page:
        asked.append((named["state"].languages, named["columns"]))
        return recommend(**named)

    monkeypatch.setattr(release_comparison, "recommend", listens)
    compare_slates(live(site), other, [Reader.objects.get(pk=reader.pk)], now=site.now)
    assert asked == [(frozenset(["sv"]), 5)] * 2


def test_when_time_is_up_the_rest_is_left_out_and_counted(site: Site, other: Serving) -> None:
    ticks = count(0, 2)
    found = compare_slates(live(site), other, readers()[:6], now=site.now, passed_s=lambda: float(next(ticks)))
    assert len(found.readers) == 2
    assert found.left_out == 4


def test_who_opened_the_feed_last_is_asked_for_first_and_once(site: Site) -> None:
    first, second, third, fourth, fifth = readers()[:5]
    items = list(item_ids())[:3]
    at = site.now
    make_slate(items, reader=first, served_at=at - timedelta(minutes=3))
    make_slate(items, reader=second, served_at=at - timedelta(minutes=2))
    make_slate(items, reader=first, served_at=at - timedelta(minutes=1))
    make_slate(items, reader=third, served_at=at - timedelta(minutes=1), excluded="staff")
    make_slate(items, reader=fourth, served_at=at - timedelta(minutes=1), surface="similar")
    make_slate(items, reader=fifth, served_at=at - timedelta(days=8))
    make_slate(items, served_at=at)  # a cookie without a row
    assert recent_readers(now=at) == [first, second]
    type(second).objects.filter(pk=second.pk).update(personalised=False)
    assert recent_readers(now=at) == [first]
    assert recent_readers(now=at, most=0) == []


# --- on the page ---


@pytest.fixture
def page_of(site: Site, other: Serving, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the comparison of both. Three readers were there."""
    servings = {RELEASE: live(site), OTHER: other}
    monkeypatch.setattr(release_comparison, "serving_of", lambda release_id: servings[release_id])
    monkeypatch.setattr(clock, "now", lambda request=None: site.now)
    for release_id in servings:
        make_candidate(now=site.now, id=release_id)
    for reader in readers()[:3]:
        make_slate(list(item_ids())[:3], reader=reader, served_at=site.now - timedelta(minutes=1))
    return f"/staff/releases/compare/?one={RELEASE}&other={OTHER}"


def test_a_release_that_fails_while_it_is_asked_is_a_sentence(
    admin_client: Client, page_of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object, **_named: object) -> None:
        raise RuntimeError("no such tree")

    monkeypatch.setattr("recsite.funnel.funnel.Funnel.scores", fails)
    answer = admin_client.get(f"{page_of}&slates=1")
    assert answer.status_code == 200
    assert "no such tree" in answer.context["slates_trouble"]
    assert str(RELEASE) in answer.context["slates_trouble"]


def tables_of(client: Client, path: str, **headers: Any) -> Any:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    return answer.context["tables"]


def test_the_page_first_comes_without_the_slates(admin_client: Client, page_of: str) -> None:
    answer = admin_client.get(page_of)
    assert "entered" not in answer.context["tables"]
    assert f'hx-get="{page_of.replace("&", "&amp;")}&amp;slates=1"' in answer.content.decode()


def test_the_slates_come_as_a_part_and_without_javascript_as_a_page(admin_client: Client, page_of: str) -> None:
    part = admin_client.get(f"{page_of}&slates=1", headers={"HX-Request": "true"}).content.decode()
    whole = admin_client.get(f"{page_of}&slates=1").content.decode()
    assert "<html" not in part
    assert "<html" in whole
    for page in (part, whole):
        assert f"Items that release {OTHER} brings" in page


def test_the_page_shows_what_was_compared(admin_client: Client, page_of: str, site: Site) -> None:
    tables = tables_of(admin_client, f"{page_of}&slates=1")
    found = slate_changes(RELEASE, OTHER, now=site.now)
    assert {row[0].url for row in tables["readers"].rows} == {
        f"/staff/readers/{one.public_id}/" for one in found.readers
    }
    counts = dict(found.entered())
    assert len(tables["entered"].rows) == min(len(counts), 20)
    for item, readers_ in tables["entered"].rows:
        assert readers_.value == counts[int(item.url.split("/")[-2])]
        assert item.text.startswith("Number ")


def test_who_may_not_see_readers_sees_numbers_instead(page_of: str, client: Client) -> None:
    client.force_login(User.objects.create_user("sam", is_staff=True))
    rows = tables_of(client, f"{page_of}&slates=1")["readers"].rows
    assert [row[0].text for row in rows] == ["Reader 1", "Reader 2", "Reader 3"]
    assert not any(row[0].url for row in rows)


def test_the_same_question_is_answered_from_what_is_kept(
    admin_client: Client, page_of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin_client.get(f"{page_of}&slates=1")
    monkeypatch.setattr(release_comparison, "serving_of", None)
    assert tables_of(admin_client, f"{page_of}&slates=1")["entered"].rows
