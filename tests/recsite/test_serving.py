"""Who serves the home feed when something is missing or broken. Pages themselves: tests/recsite/test_personal_page.py
and tests/recsite/test_mix.py."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import OperationalError
from pytest_django.fixtures import Settings

from catalog.models import Item
from feedback.interactions import record_click
from recsite import slates
from recsite.metrics import FALLBACKS
from recsite.reader_state import ReaderState, read_state
from recsite.releases.live import NOT_LOADED, Serving
from recsite.serving import recommend, serve_home
from recsite.slates import Slate
from tests.factories import make_item
from tests.recsite.released import NOW, RELEASE, FakeShelf, make_lover, make_world, put_live, small_serving

pytestmark = pytest.mark.django_db
ANYBODY = ReaderState()
BROKEN = 99


@pytest.fixture(autouse=True)
def nothing_left_to_chance(settings: Settings) -> None:
    settings.EXPLORATION_SHARE = 0.0


@pytest.fixture
def items() -> dict[int, Item]:
    return make_world()


def served(state: ReaderState = ANYBODY, *, shown: tuple[int, ...] = (), pinned: int | None = None) -> Slate:
    return serve_home(state=state, shown=shown, now=NOW, limit=6, pinned=pinned)


def by_whom(slate: Slate) -> tuple[int | None, str, str | None]:
    return slate.release, slate.policy.name, slate.policy.fallback


def ids(slate: Slate) -> list[int]:
    return [entry.item_id for entry in slate.entries]


def broken(release_id: int = BROKEN) -> Serving:
    """A release whose ranker is of another world."""
    serving = small_serving(release_id)
    return Serving(release_id, _Breaking(serving.funnel))  # type: ignore[arg-type]


class _Breaking:
    def __init__(self, funnel: object) -> None:
        self._funnel = funnel

    def __getattr__(self, name: str) -> object:
        if name == "scores":
            raise RuntimeError("the model file is damaged")
        return getattr(self._funnel, name)


def counted(reason: str) -> float:
    return FALLBACKS.labels(reason)._value.get()


def test_the_live_release_serves_and_is_watched(items: dict[int, Item], monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = put_live(monkeypatch)
    assert by_whom(served()) == (RELEASE, "funnel", None)
    assert shelf.watched == 1


def test_a_click_changes_the_next_page(items: dict[int, Item], monkeypatch: pytest.MonkeyPatch) -> None:
    put_live(monkeypatch)
    reader = make_lover(0, items, length=0)
    before = served(read_state(reader=reader, languages=frozenset(), now=NOW))
    for item_id in (101, 103, 105):
        record_click(reader=reader, item=items[item_id], now=NOW - timedelta(seconds=9))
    after = served(read_state(reader=reader, languages=frozenset(), now=NOW))
    odd_before, odd_after = (sum(item_id % 2 for item_id in ids(slate)[:4]) for slate in (before, after))
    assert ids(before) != ids(after)
    assert odd_after > odd_before
    assert not {101, 103, 105} & set(ids(after))


def test_without_a_release_popular_and_fresh_serve(items: dict[int, Item], monkeypatch: pytest.MonkeyPatch) -> None:
    put_live(monkeypatch, FakeShelf())
    before = counted(slates.NO_RELEASE)
    assert by_whom(served()) == (None, "mix", slates.NO_RELEASE)
    assert counted(slates.NO_RELEASE) == before + 1


def test_whoever_switched_personalisation_off_gets_what_everybody_gets(
    items: dict[int, Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_live(monkeypatch)
    slate = served(ReaderState(personalised=False))
    assert by_whom(slate) == (None, "mix", slates.PERSONALISATION_OFF)


def test_a_visit_stays_with_its_release_for_as_long_as_that_is_loaded(
    items: dict[int, Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_live(monkeypatch, FakeShelf(small_serving(8), before=small_serving(7)))
    assert by_whom(served(pinned=7)) == (7, "funnel", None)
    assert by_whom(served(pinned=6)) == (8, "funnel", None)


def test_where_the_live_release_fails_the_one_before_serves_and_says_so(
    items: dict[int, Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_live(monkeypatch, FakeShelf(broken(8), before=small_serving(7)))
    before = counted(slates.RELEASE_FAILED)
    assert by_whom(served()) == (7, "funnel", slates.RELEASE_FAILED)
    assert counted(slates.RELEASE_FAILED) == before + 1


def test_where_every_release_fails_rules_serve(items: dict[int, Item], monkeypatch: pytest.MonkeyPatch) -> None:
    put_live(monkeypatch, FakeShelf(broken(8), before=broken(7)))
    slate = served(pinned=7)
    assert by_whom(slate) == (None, "mix", slates.RELEASE_FAILED)
    assert len(slate.entries) == 6


def test_a_release_that_stands_in_for_one_that_does_not_load_says_so(
    items: dict[int, Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    stands_in = Serving(7, small_serving().funnel, fallback=NOT_LOADED)
    put_live(monkeypatch, FakeShelf(stands_in))
    assert by_whom(served()) == (7, "funnel", NOT_LOADED)


def test_where_a_release_knows_nothing_that_may_be_shown_rules_serve(
    items: dict[int, Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_live(monkeypatch)
    Item.objects.update(hidden=True)
    newer = make_item(pk=10_000, published_at=NOW - timedelta(days=1))  # the world has numbers of its own
    slate = served()
    assert by_whom(slate) == (None, "mix", slates.NO_CANDIDATES_LEFT)
    assert ids(slate) == [newer.pk]


def test_where_even_popular_and_fresh_fail_the_newest_serve(
    items: dict[int, Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_arguments: object) -> None:
        raise RuntimeError("counts are damaged")

    put_live(monkeypatch, FakeShelf())
    monkeypatch.setattr("recsite.serving.serve_mix", fail)
    slate = served()
    assert by_whom(slate) == (None, "newest", slates.RULES_FAILED)
    assert len(slate.entries) == 6


def test_a_database_that_does_not_answer_is_not_a_fault_of_the_release(
    items: dict[int, Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OperationalError("gone away")

    put_live(monkeypatch)
    monkeypatch.setattr("recsite.personal_page.unwanted", fail)
    with pytest.raises(OperationalError):
        served()


def test_a_scroll_shows_every_item_once_and_then_ends(items: dict[int, Item], monkeypatch: pytest.MonkeyPatch) -> None:
    put_live(monkeypatch)
    shown: tuple[int, ...] = ()
    for _ in range(4):
        slate = served(shown=shown)
        assert [entry.position for entry in slate.entries] == list(range(len(shown), len(shown) + 6))
        shown += tuple(ids(slate))
    assert slate.is_end
    assert sorted(shown) == sorted(items)


def test_what_is_served_without_exploration_is_what_the_same_release_says_when_asked_apart(
    items: dict[int, Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = put_live(monkeypatch)
    assert shelf.live is not None
    for parity in (0, 1):
        state = read_state(reader=make_lover(parity, items), languages=frozenset(), now=NOW)
        page = recommend(state=state, serving=shelf.live, now=NOW, limit=6)
        assert ids(served(state)) == list(page.drawn.item_ids)
        assert page.drawn.ranked.item_ids.tolist() == shelf.live.funnel.ranked(page.query).item_ids().tolist()


def test_serving_loads_nothing_that_only_training_needs() -> None:
    code = (
        "import django; django.setup(); import recsite.serving, recsite.feed, recsite.cards, recsite.urls, sys;"
        "print(sorted({'torch', 'pandas', 'sklearn', 'lightgbm', 'implicit'} & set(sys.modules)))"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "recsite.settings"}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert answer.stdout.strip() == "[]"
