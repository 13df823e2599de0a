from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import InterfaceError, OperationalError
from pytest_django.fixtures import Settings

from recsite.releases import live
from recsite.releases.changes import RELEASE
from recsite.releases.live import NOT_LOADED, PREVIOUS_KEPT, TRIED_AGAIN_AFTER, shelf
from recsite.releases.registry import promote, refuse, roll_back
from recsite.releases.store import ArtefactStore
from tests.recsite.funnel.world import boosted_ranker, fusion_ranker
from tests.recsite.releases.shelves import NOTHING_HEARD, first_items, go_live, live_id
from tests.recsite.releases.stored import AT, RETRIEVER, make_items, stored_release

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def items() -> None:
    make_items()


def test_nothing_is_served_with_before_a_release_is_live(files: ArtefactStore) -> None:
    stored_release(files, fusion_ranker())

    assert not shelf().refresh(now=AT)
    assert (shelf().current(), shelf().previous(), shelf().catalogue(), shelf().trouble) == (None, None, None, "")


def test_live_release_answers_by_taste(files: ArtefactStore) -> None:
    release = go_live(files)

    assert shelf().refresh(now=AT)
    assert live_id(shelf()) == release.pk
    assert {item % 2 for item in first_items(shelf(), 0)} == {0}
    assert {item % 2 for item in first_items(shelf(), 1)} == {1}
    assert not shelf().refresh(now=AT, heard=NOTHING_HEARD)


def test_what_was_asked_for_stays_whole_while_releases_are_swapped(files: ArtefactStore) -> None:
    first = go_live(files)
    shelf().refresh(now=AT)
    asked = shelf().current()
    second = go_live(files, fusion_ranker())
    shelf().refresh(now=AT)

    assert asked is not None
    assert asked.release_id == first.pk
    assert asked.funnel.ranker.order.feature_set == boosted_ranker().feature_set
    assert live_id(shelf()) == second.pk
    previous = shelf().of_release(first.pk)
    assert previous is not None
    assert previous.funnel.ranker is asked.funnel.ranker
    assert previous.funnel.stage is shelf().current().funnel.stage  # type: ignore[union-attr]


def test_release_before_stays_for_half_an_hour(files: ArtefactStore) -> None:
    first = go_live(files)
    shelf().refresh(now=AT)
    go_live(files)
    shelf().refresh(now=AT)

    shelf().refresh(now=AT + PREVIOUS_KEPT - MINUTE)
    assert shelf().of_release(first.pk) is not None
    shelf().refresh(now=AT + PREVIOUS_KEPT)
    assert shelf().of_release(first.pk) is None


def test_the_one_before_is_loaded_again_when_a_release_fails_while_it_serves(files: ArtefactStore) -> None:
    first = go_live(files)
    go_live(files)
    shelf().refresh(now=AT)
    assert shelf().previous() is None

    shelf().need_previous()
    assert shelf().refresh(now=AT, heard=NOTHING_HEARD)
    previous = shelf().previous()
    assert previous is not None
    assert previous.release_id == first.pk
    assert not shelf().refresh(now=AT, heard=NOTHING_HEARD)
    shelf().refresh(now=AT + PREVIOUS_KEPT)
    assert shelf().previous() is None


def test_visits_go_on_with_the_release_they_began_with_though_one_was_missed_between(files: ArtefactStore) -> None:
    first = go_live(files)
    shelf().refresh(now=AT)
    go_live(files)
    third = go_live(files)
    shelf().refresh(now=AT)
    assert live_id(shelf()) == third.pk
    assert shelf().of_release(first.pk) is not None


def test_only_one_release_before_is_kept(files: ArtefactStore) -> None:
    releases = []
    for _ in range(3):
        releases.append(go_live(files, fusion_ranker()))
        shelf().refresh(now=AT)

    assert [shelf().of_release(release.pk) is not None for release in releases] == [False, True, True]


def test_rolling_back_needs_no_loading_and_drops_what_was_left(
    files: ArtefactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = go_live(files), None
    shelf().refresh(now=AT)
    before = first_items(shelf())
    second = go_live(files, fusion_ranker())
    shelf().refresh(now=AT)
    roll_back(by="staff", reason="worse", now=AT)

    def load(*_arguments: object, **_options: object) -> None:
        raise AssertionError

    monkeypatch.setattr(live, "load_release", load)
    assert shelf().refresh(now=AT)
    assert live_id(shelf()) == first.pk
    assert first_items(shelf()) == before
    assert shelf().of_release(second.pk) is None


@pytest.mark.parametrize("part", ["retriever", "ranker"])
def test_broken_release_leaves_the_one_that_serves(files: ArtefactStore, part: str) -> None:
    first = go_live(files)
    shelf().refresh(now=AT)
    second = stored_release(files, fusion_ranker(), retriever_sha256="0" * 64)
    if part == "ranker":
        second.retriever_sha256 = first.retriever_sha256
        second.save()
        files.delete(second.ranker)
    promote(second, by="test", reason="", now=AT)

    shelf().refresh(now=AT)

    serving = shelf().current()
    assert serving is not None
    assert (serving.release_id, serving.fallback) == (first.pk, NOT_LOADED)
    assert getattr(second, part) in shelf().trouble
    roll_back(by="test", reason="broken", now=AT)
    shelf().refresh(now=AT)
    serving = shelf().current()
    assert serving is not None
    assert (serving.release_id, serving.fallback, shelf().trouble) == (first.pk, None, "")


def test_new_process_serves_with_the_release_before_a_broken_one(files: ArtefactStore) -> None:
    first, second = go_live(files), go_live(files, fusion_ranker())
    files.delete(second.ranker)

    shelf().refresh(now=AT)

    serving = shelf().current()
    assert serving is not None
    assert (serving.release_id, serving.fallback) == (first.pk, NOT_LOADED)


def test_new_process_with_nothing_that_loads_serves_with_nothing(files: ArtefactStore) -> None:
    go_live(files)
    files.delete(RETRIEVER)

    shelf().refresh(now=AT)

    assert shelf().current() is None
    assert RETRIEVER in shelf().trouble


def test_broken_release_is_tried_again_after_a_while_or_when_told_to(
    files: ArtefactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = go_live(files)
    load, tries = live.load_release, []

    def counting(*arguments: Any, **options: Any) -> object:
        tries.append(1)
        if len(tries) < 4:
            raise OSError("disk on fire")
        return load(*arguments, **options)

    monkeypatch.setattr(live, "load_release", counting)
    for now, heard, number in (
        (AT, NOTHING_HEARD, 1),
        (AT + TRIED_AGAIN_AFTER / 2, NOTHING_HEARD, 1),
        (AT + TRIED_AGAIN_AFTER, NOTHING_HEARD, 2),
        (AT + TRIED_AGAIN_AFTER, frozenset({RELEASE}), 3),
    ):
        shelf().refresh(now=now, heard=heard)
        assert len(tries) == number
        assert "disk on fire" in shelf().trouble
    shelf().refresh(now=AT)
    assert (live_id(shelf()), shelf().trouble) == (release.pk, "")


def test_release_that_cannot_answer_is_found_out_before_anybody_is_served_with_it(
    files: ArtefactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = go_live(files)
    shelf().refresh(now=AT)
    load = live.load_release

    def without_scores(*arguments: Any, **options: Any) -> object:
        loaded = load(*arguments, **options)
        scores = type(loaded.ranker.order)
        monkeypatch.setattr(scores, "scores", lambda _self, rows: np.full(len(rows), np.nan, np.float32))
        return loaded

    monkeypatch.setattr(live, "load_release", without_scores)
    second = go_live(files, fusion_ranker())
    shelf().refresh(now=AT)

    assert live_id(shelf()) == first.pk
    assert f"Release {second.pk} scores items with NaN" in shelf().trouble


def test_database_that_is_away_changes_nothing(files: ArtefactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    release = go_live(files)
    shelf().refresh(now=AT)

    def away() -> None:
        raise OperationalError("no route to host")

    monkeypatch.setattr(live, "live_release", away)
    assert not shelf().refresh(now=AT)
    assert live_id(shelf()) == release.pk
    assert "no route to host" in shelf().trouble


def test_pins_that_cannot_be_read_do_not_end_the_watch(files: ArtefactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    release = go_live(files)
    shelf().refresh(now=AT)

    def away() -> None:
        raise InterfaceError("the connection is closed")

    monkeypatch.setattr(live.board(), "refresh", away)
    assert not shelf().refresh(now=AT)
    assert live_id(shelf()) == release.pk
    assert "the connection is closed" in shelf().trouble


def test_store_that_is_away_does_not_matter_to_what_is_in_the_cache(files: ArtefactStore, settings: Settings) -> None:
    release = go_live(files)
    shelf().refresh(now=AT)
    live.forget()
    settings.ARTEFACT_URL = "file:///nowhere/at/all"
    shelf().refresh(now=AT)

    assert live_id(shelf()) == release.pk


def test_refused_release_before_is_not_fallen_back_to(files: ArtefactStore) -> None:
    first, second = go_live(files), go_live(files)
    refuse(first, by="staff", reason="bad", now=AT)
    files.delete(second.ranker)
    shelf().refresh(now=AT)

    assert shelf().current() is None
