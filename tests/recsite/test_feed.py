"""The home page and the API by a release: sent, logged, pinned, explained."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from catalog.models import Item, Reader
from feedback.models import Slate, SlateDetail
from recsite import clock
from tests.factories import make_interaction
from tests.recsite.funnel.world import small_funnel
from tests.recsite.released import RELEASE, FakeShelf, make_lover, make_world, put_live, small_serving

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def items() -> dict[int, Item]:
    return make_world()


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> FakeShelf:
    settings.EXPLORATION_SHARE = 0.5
    return put_live(monkeypatch)


def browser_of(client: Client) -> Reader:
    """The reader of this browser, with a row."""
    client.get("/")
    public_id = Slate.objects.latest("served_at").reader_public_id
    Slate.objects.all().delete()
    SlateDetail.objects.all().delete()
    return Reader.objects.create(public_id=public_id, created_at=clock.now())


def test_a_page_of_a_release_is_recorded_with_all_that_it_was_drawn_by(
    client: Client, items: dict[int, Item], shelf: FakeShelf
) -> None:
    response = client.get("/")
    slate, detail = Slate.objects.get(), SlateDetail.objects.get()
    assert response.status_code == 200
    assert (slate.release, slate.fallback, slate.policy, slate.policy_version) == (RELEASE, None, "funnel", "1")
    assert slate.seed is not None
    assert slate.policy_parameters["epsilon"] == 0.5
    assert slate.known_until == slate.served_at
    assert slate.counts_as_of == small_funnel().catalogue.counts_as_of
    assert set(slate.branches) <= {Slate.Branch.GREEDY, Slate.Branch.POOL, Slate.Branch.OUTSIDE}
    assert all(0 < chance <= 1 for chance in slate.propensities)
    assert detail.feature_set == small_funnel().ranker.feature_set.id
    features = np.frombuffer(bytes(detail.features), "<f4").reshape(len(slate.items), -1)
    scored = [score is not None for score in slate.scores]
    np.testing.assert_allclose(
        small_funnel().scores(features)[scored], np.array(slate.scores, float)[scored], rtol=1e-6
    )
    assert detail.pool_items
    assert set(slate.items) <= set(detail.union_items)


def test_a_visit_is_pinned_to_the_release_of_its_first_page(
    client: Client, items: dict[int, Item], shelf: FakeShelf
) -> None:
    client.get("/")
    shelf.live, shelf.before = small_serving(RELEASE + 1), shelf.live
    client.get("/")
    Client().get("/")
    assert list(Slate.objects.order_by("id").values_list("release", flat=True)) == [RELEASE, RELEASE, RELEASE + 1]
    shelf.before = None
    client.get("/")
    assert Slate.objects.latest("served_at").release == RELEASE + 1


def test_a_reader_s_clicks_change_the_page_and_each_card_says_why_it_is_there(
    client: Client, items: dict[int, Item], shelf: FakeShelf, settings: Settings
) -> None:
    settings.EXPLORATION_SHARE = 0.0
    reader = browser_of(client)
    for item_id in (101, 103, 105):
        make_interaction(reader, "like", items[item_id], happened_at=clock.now())
    cards = client.get("/").context["cards"]
    assert [card.item.pk % 2 for card in cards[:4]] == [1, 1, 1, 1]
    assert all(card.reason for card in cards)
    assert any("Number 10" in card.reason or "Odd" in card.reason for card in cards)


def test_the_api_says_which_release_served(client: Client, items: dict[int, Item], shelf: FakeShelf) -> None:
    page = client.get("/api/v1/feed", {"limit": 5}).json()
    assert (page["release"], page["fallback"], len(page["items"])) == (RELEASE, None, 5)
    follows = client.get("/api/v1/feed", {"limit": 5, "cursor": page["next"]}).json()
    assert not {card["id"] for card in page["items"]} & {card["id"] for card in follows["items"]}


def test_without_redis_a_release_serves_as_ever(
    client: Client, items: dict[int, Item], shelf: FakeShelf, settings: Settings
) -> None:
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}}
    assert client.get("/").status_code == 200
    assert Slate.objects.get().release == RELEASE


def test_a_clock_that_was_set_back_changes_nothing_for_the_reader(
    client: Client, items: dict[int, Item], shelf: FakeShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = browser_of(client)
    make_interaction(reader, "click", items[101], happened_at=clock.now())
    monkeypatch.setattr("recsite.clock.now", lambda _request=None: datetime(2026, 2, 1, tzinfo=UTC))
    assert client.get("/").status_code == 200
    assert Slate.objects.get().release == RELEASE


def test_somebody_with_a_history_and_somebody_new_are_both_served(
    client: Client, items: dict[int, Item], shelf: FakeShelf
) -> None:
    make_lover(0, items)
    browser_of(client)
    assert len(client.get("/").context["cards"]) == len(items)
