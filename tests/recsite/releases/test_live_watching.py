from __future__ import annotations

import threading

import pytest
from pytest_django.fixtures import Settings

from recsite.releases import live
from recsite.releases.changes import ITEMS, notify
from recsite.releases.live import Shelf, shelf
from recsite.releases.registry import roll_back
from recsite.releases.store import ArtefactStore
from tests.recsite.funnel.world import fusion_ranker, reader_query
from tests.recsite.releases.shelves import go_live, live_id
from tests.recsite.releases.stored import AT, add_item, make_items
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def items() -> None:
    make_items()


def watched(settings: Settings) -> Shelf:
    settings.RELEASE_POLL_S = 3600
    held = shelf()
    held.ensure_watching()
    return held


def test_without_polling_there_is_no_thread(settings: Settings) -> None:
    settings.RELEASE_POLL_S = 0
    before = threading.active_count()
    shelf().ensure_watching()

    assert threading.active_count() == before


def test_promotion_and_roll_back_reach_a_process_that_only_listens(files: ArtefactStore, settings: Settings) -> None:
    first = go_live(files)
    held = watched(settings)
    wait_until(lambda: live_id(held) == first.pk, "the first look")
    second = go_live(files, fusion_ranker())
    wait_until(lambda: live_id(held) == second.pk, "a promotion")
    roll_back(by="test", reason="", now=AT)
    wait_until(lambda: live_id(held) == first.pk, "a roll back")


def test_new_item_reaches_a_process_that_only_listens(files: ArtefactStore, settings: Settings) -> None:
    go_live(files)
    held = watched(settings)
    wait_until(lambda: held.catalogue() is not None, "the first look")
    add_item(500)
    notify(ITEMS)
    wait_until(lambda: 500 in held.catalogue().facts.item_ids, "a new item")  # type: ignore[union-attr]


def test_polling_finds_what_nobody_told(
    files: ArtefactStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RELEASE_POLL_S = 1
    held = shelf()
    held.ensure_watching()
    monkeypatch.setattr("recsite.releases.registry.notify", lambda _what: None)
    release = go_live(files)
    wait_until(lambda: live_id(held) == release.pk, "a promotion that was not heard")


def test_watching_starts_once_and_ends_when_forgotten(settings: Settings) -> None:
    held = watched(settings)
    count = threading.active_count()
    held.ensure_watching()
    assert threading.active_count() == count
    live.forget()

    assert threading.active_count() == count - 1
    assert shelf() is not held


def test_fifty_requests_in_flight_see_one_release_each(files: ArtefactStore) -> None:
    """Asked all the while two releases are swapped back and forth; none fails, none is of two minds."""
    first = go_live(files)
    shelf().refresh(now=AT)
    second = go_live(files, fusion_ranker())
    stop, seen = threading.Event(), set()
    wrong: list[object] = []

    def ask() -> None:
        while not stop.wait(0.05):
            serving = shelf().current()
            if serving is None or serving.release_id not in {first.pk, second.pk}:
                wrong.append(serving)
                return
            try:
                serving.funnel.ranked(reader_query(0, at=AT))
            except Exception as error:
                wrong.append(error)
            seen.add(serving.release_id)

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    shelf().refresh(now=AT)
    wait_until(lambda: seen == {first.pk, second.pk}, "both releases to serve")
    roll_back(by="test", reason="", now=AT)
    shelf().refresh(now=AT)
    stop.set()
    for thread in threads:
        thread.join()

    assert not wrong
    assert live_id(shelf()) == first.pk
