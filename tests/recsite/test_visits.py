from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings

from feedback.uuid7 import time_of_uuid7
from recsite.visits import IDLE, LONGEST, current_visit, forget_visit
from tests.factories import NOW

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
    while moment < NOW + LONGEST:
        assert current_visit(READER, now=moment) == visit
        moment += timedelta(minutes=20)
    assert current_visit(READER, now=moment) != visit


def test_a_forgotten_visit_is_not_continued() -> None:
    visit = current_visit(READER, now=NOW)
    forget_visit(READER)
    assert current_visit(READER, now=NOW) != visit


def test_without_redis_each_request_is_a_visit_of_its_own(settings: Settings) -> None:
    settings.CACHES = settings.CACHES | {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}}
    assert current_visit(READER, now=NOW) != current_visit(READER, now=NOW)
