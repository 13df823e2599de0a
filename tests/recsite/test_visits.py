from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from feedback.uuid7 import time_of_uuid7
from feedback.visits import LONGEST_VISIT
from recsite.visits import IDLE, current_visit, forget_visit, open_visit, pin_release
from tests.factories import NOW, make_visit_id

pytestmark = pytest.mark.django_db
READER = uuid.uuid4()


def test_a_visit_goes_on_for_as_long_as_no_pause_is_thirty_minutes() -> None:
    visit = current_visit(READER, now=NOW)
    assert time_of_uuid7(visit) == NOW
    just_in_time = NOW + IDLE - timedelta(seconds=1)
    assert current_visit(READER, now=just_in_time) == visit
    assert current_visit(READER, now=just_in_time + IDLE - timedelta(seconds=1)) == visit
    assert current_visit(READER, now=just_in_time + IDLE * 2) != visit


def test_readers_have_visits_of_their_own() -> None:
    assert current_visit(READER, now=NOW) != current_visit(uuid.uuid4(), now=NOW)


def test_a_tab_that_reloads_itself_does_not_make_a_visit_without_an_end() -> None:
    visit = current_visit(READER, now=NOW)
    moment = NOW
    while moment < NOW + LONGEST_VISIT:
        assert current_visit(READER, now=moment) == visit
        moment += timedelta(minutes=20)
    assert current_visit(READER, now=moment) != visit


def test_a_clock_that_was_set_back_by_more_than_a_pause_begins_a_visit_that_no_page_is_older_than() -> None:
    """As when a simulated day is played again; clocks of two machines differ by less."""
    visit = current_visit(READER, now=NOW)
    assert current_visit(READER, now=NOW - timedelta(seconds=2)) == visit
    earlier = NOW - timedelta(hours=2)
    again = current_visit(READER, now=earlier)
    assert again != visit
    assert time_of_uuid7(again) == earlier


def test_a_forgotten_visit_is_not_continued() -> None:
    visit = current_visit(READER, now=NOW)
    forget_visit(READER)
    assert current_visit(READER, now=NOW) != visit


def test_a_visit_goes_on_with_the_release_it_was_pinned_to_and_the_next_one_with_none() -> None:
    visit = open_visit(READER, now=NOW)
    assert visit.release is None
    pin_release(READER, visit, 7)
    assert open_visit(READER, now=NOW + timedelta(minutes=9)).release == 7
    assert open_visit(READER, now=NOW + timedelta(minutes=9)).id == visit.id
    assert open_visit(READER, now=NOW + timedelta(hours=2)).release is None


def test_a_page_that_no_release_served_unpins_nothing() -> None:
    pin_release(READER, open_visit(READER, now=NOW), 7)
    pin_release(READER, open_visit(READER, now=NOW), None)
    assert open_visit(READER, now=NOW).release == 7


def test_what_an_older_version_of_this_code_kept_is_continued() -> None:
    visit = make_visit_id()
    cache.set(f"visit:{READER.hex}", (visit, NOW, NOW))
    assert current_visit(READER, now=NOW) == visit


def test_without_redis_nothing_is_pinned_and_nothing_fails(settings: Settings) -> None:
    settings.CACHES = settings.CACHES | {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}}
    pin_release(READER, open_visit(READER, now=NOW), 7)
    assert open_visit(READER, now=NOW).release is None


def test_without_redis_each_request_is_a_visit_of_its_own(settings: Settings) -> None:
    settings.CACHES = settings.CACHES | {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}}
    assert current_visit(READER, now=NOW) != current_visit(READER, now=NOW)
