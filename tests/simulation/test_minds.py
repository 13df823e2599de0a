from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from simulation.draws import reader_stream
from simulation.minds import Memory, in_a_mood, tastes_on
from simulation.readers import draw_reader
from simulation.worlds import load_world

RULES = load_world("default").readers
READER = draw_reader(1, 0)


def moved(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """How much of a taste is somewhere else, in 0..1."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / 2


def test_tastes_drift_slowly_and_never_far_from_home() -> None:
    days = [tastes_on(1, READER, day, RULES) for day in range(120)]
    assert all(sum(tastes) == pytest.approx(1) for tastes in days)
    assert max(moved(one, other) for one, other in pairwise(days)) <= RULES.drift / RULES.drift_days + 1e-9
    assert max(moved(READER.tastes, tastes) for tastes in days) <= RULES.drift + 1e-9
    assert moved(days[0], days[90]) > 0.02


def test_without_drift_and_mood_tastes_are_what_they_are() -> None:
    still = replace(RULES, drift=0.0, mood=0.0)
    assert tastes_on(1, READER, 77, still) == READER.tastes
    assert in_a_mood(reader_stream(1, "a", 0, "mood"), READER.tastes, still) == pytest.approx(READER.tastes)


def test_a_mood_is_of_its_visit() -> None:
    moods = [in_a_mood(reader_stream(1, "a", 0, f"mood {visit}"), READER.tastes, RULES) for visit in range(2)]
    assert moods[0] != moods[1]
    assert all(sum(mood) == pytest.approx(1) for mood in moods)


def test_more_of_one_topic_bores_and_other_topics_refresh() -> None:
    memory = Memory()
    assert memory.boredom("Chess", "a", 0, RULES) == 0
    for _ in range(30):
        memory.look_at("Chess", RULES)
    bored = memory.boredom("Chess", "a", 0, RULES)
    assert 0.5 * RULES.topic_boredom < bored < RULES.topic_boredom
    for _ in range(int(RULES.boredom_cards)):
        memory.look_at("Jazz", RULES)
    assert memory.boredom("Chess", "a", 0, RULES) == pytest.approx(bored / 2)


def test_a_card_that_was_left_bores_by_itself_until_it_is_forgotten() -> None:
    memory = Memory()
    memory.leave("a", 0, RULES)
    memory.leave("a", 0, RULES)
    assert memory.boredom("Chess", "a", 0, RULES) == pytest.approx(2 * RULES.item_boredom)
    assert memory.boredom("Chess", "a", RULES.item_forgotten_days, RULES) == pytest.approx(RULES.item_boredom)
    assert memory.boredom("Chess", "b", 0, RULES) == 0
    memory.forget_old(10 * RULES.item_forgotten_days, RULES)
    assert memory.items == {}


def test_good_visits_bring_readers_back_and_empty_ones_keep_them_away() -> None:
    pleased, let_down, content = Memory(), Memory(), Memory()
    for _ in range(30):
        pleased.end_visit([0.9], RULES)
        let_down.end_visit([], RULES)
        content.end_visit([RULES.contented_at], RULES)
    assert let_down.loyalty < 0.6 < content.loyalty < pleased.loyalty
    assert content.loyalty == pytest.approx(1)


def test_a_memory_survives_being_written_down() -> None:
    memory = Memory()
    memory.look_at("Chess", RULES)
    memory.leave("a", 3, RULES)
    memory.open("b")
    memory.end_visit([0.5], RULES)
    memory.has_chosen = True
    assert Memory.from_json(json.loads(json.dumps(memory.as_json()))) == memory
