from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from recsite import clock

THEN = datetime(2030, 5, 6, 7, 8, tzinfo=UTC)


def test_a_signed_header_sets_the_clock_in_a_simulation(settings: Settings, rf: RequestFactory) -> None:
    settings.SIMULATION = True
    assert clock.now(rf.get("/", headers={clock.HEADER: clock.sign(THEN)})) == THEN


def test_the_header_means_nothing_outside_a_simulation(settings: Settings, rf: RequestFactory) -> None:
    settings.SIMULATION = False
    assert clock.now(rf.get("/", headers={clock.HEADER: clock.sign(THEN)})) != THEN


def test_a_forged_header_is_refused(settings: Settings, rf: RequestFactory) -> None:
    settings.SIMULATION = True
    with pytest.raises(clock.ClockHeaderError):
        clock.now(rf.get("/", headers={clock.HEADER: f"{THEN.isoformat()}:forged"}))


def test_the_clock_is_aware() -> None:
    assert clock.now().utcoffset() is not None
