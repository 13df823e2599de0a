"""When the live release is in alarm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from recsite.models import Release
from recsite.slates import NO_RELEASE, PERSONALISATION_OFF
from recsite.training.candidates import alarm_of
from tests.factories import NOW, make_item, make_slate

pytestmark = pytest.mark.django_db


@pytest.fixture
def live() -> Release:
    return Release.objects.create(
        state="live",
        retriever="retriever-1",
        retriever_sha256="0" * 64,
        ranker="ranker-1",
        ranker_sha256="0" * 64,
        retriever_since=NOW,
        retriever_until=NOW,
        code_version="1",
        config={},
        report={},
        created_at=NOW,
    )


def page(**fields: Any) -> None:
    make_slate([make_item()], **{"release": None, "served_at": NOW - timedelta(minutes=30)} | fields)


def test_a_release_that_serves_nothing_while_fallbacks_do_is_in_alarm(live: Release) -> None:
    page(fallback=NO_RELEASE)
    assert "1 pages were served by a fallback" in alarm_of(live, NOW)
    page(release=live.pk)
    assert alarm_of(live, NOW) == ""


def test_a_quiet_hour_and_readers_who_want_no_personal_feed_are_no_alarm(live: Release) -> None:
    assert alarm_of(live, NOW) == ""
    page(fallback=PERSONALISATION_OFF)
    page(fallback=NO_RELEASE, served_at=NOW - timedelta(hours=2))
    assert alarm_of(live, NOW) == ""
