"""What scores say of clicks, on a day whose clicks are known."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchmarks.loop_calibration import calibration_of_day
from feedback.kinds import Kind
from tests.factories import NOW, make_interaction, make_item, make_reader, make_slate, make_view

pytestmark = pytest.mark.django_db
PAGES, SLOTS = 20, 10
LIKELY, UNLIKELY = 0.8, 0.2
DAY = {"since": NOW, "until": NOW + timedelta(days=1)}


def a_day(*, tells: bool, viewed: int = SLOTS, clicks: bool = True) -> None:
    """Pages whose first half of cards is clicked four times as often as the second; scores that tell the halves apart,
    or the even places from the odd ones, of which the same share is clicked."""
    reader, items = make_reader(), [make_item(f"item {slot}") for slot in range(SLOTS)]
    for page in range(PAGES):
        at = NOW + timedelta(minutes=page)
        scores = [float(slot < SLOTS / 2) if tells else float(slot % 2) for slot in range(SLOTS)]
        slate = make_slate(items, reader=reader, served_at=at, scores=scores)
        for slot in range(viewed):
            make_view(slate, slot)
            if clicks and _is_clicked(page, slot):
                make_interaction(reader, Kind.CLICK, items[slot], slate=slate, happened_at=at)


def _is_clicked(page: int, slot: int) -> bool:
    chance = LIKELY if slot < SLOTS / 2 else UNLIKELY
    return (page * 3 + slot) % SLOTS < chance * SLOTS


def test_scores_that_tell_clicks_know_more_than_the_click_rate() -> None:
    a_day(tells=True)
    found = calibration_of_day(**DAY)
    assert found["click_entropy"] is not None
    assert found["click_entropy"] < 0.9
    assert found["calibration_ratio"] == pytest.approx(1, abs=0.1)
    assert found["calibration_error"] == pytest.approx(0, abs=0.1)


def test_scores_that_tell_nothing_know_no_more_than_the_click_rate() -> None:
    a_day(tells=False)
    assert calibration_of_day(**DAY)["click_entropy"] == pytest.approx(1, abs=0.03)


def test_what_was_not_viewed_is_no_card_that_was_left() -> None:
    a_day(tells=True, viewed=4)
    assert calibration_of_day(**DAY)["calibration_ratio"] == pytest.approx(1, abs=0.1)


def test_without_a_click_nothing_can_be_told() -> None:
    a_day(tells=True, clicks=False)
    assert set(calibration_of_day(**DAY).values()) == {None}
    assert set(calibration_of_day(since=NOW - timedelta(days=2), until=NOW).values()) == {None}
