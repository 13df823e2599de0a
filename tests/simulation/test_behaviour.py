from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from simulation.behaviour import (
    SHORTEST_READ_S,
    Card,
    Habits,
    PageRead,
    cards_looked_through,
    click_probability,
    look_probability,
    match_of,
    read_page,
    satisfaction_of,
)
from simulation.readers import SimulatedReader
from simulation.truth import INTERESTS, Truth

HABITS = Habits()


def only(interest: str, *, quality: float = 0.6) -> Truth:
    return Truth(tuple(float(name == interest) for name in INTERESTS), quality)


def reader_of(interest: str, key: str = "ann") -> SimulatedReader:
    return SimulatedReader(key, ("en",), {}, only(interest).interests, visits_a_day=1, patience=30, hour=18)


def reads(
    reader: SimulatedReader, truths: Sequence[Truth], *, habits: Habits = HABITS, patience: int = 10_000
) -> PageRead:
    cards = [Card(f"item {place}", truth, place) for place, truth in enumerate(truths)]
    return read_page(1, reader, cards, day=0, patience=patience, habits=habits)


def test_match_is_the_cosine_of_tastes_and_interests() -> None:
    half = Truth(tuple(0.5 * (name in ("nature", "science")) for name in INTERESTS), 0.5)
    assert match_of(reader_of("nature").tastes, only("nature")) == pytest.approx(1)
    assert match_of(reader_of("nature").tastes, only("stories")) == 0
    assert match_of(reader_of("nature").tastes, half) == pytest.approx(0.5**0.5)


def test_lower_cards_are_looked_at_less_and_without_bias_all_alike() -> None:
    assert look_probability(0, HABITS) == 1
    assert look_probability(3, replace(HABITS, position_bias=0.5)) == 0.5
    assert look_probability(50, replace(HABITS, position_bias=0)) == 1


def test_half_of_those_at_the_threshold_click_and_fitting_items_are_clicked_more() -> None:
    assert click_probability(HABITS.click_match, HABITS) == 0.5
    assert click_probability(1.0, HABITS) > 0.9
    assert click_probability(0.2, HABITS) < 0.05


def test_a_read_satisfies_more_when_it_fits_and_when_it_is_good() -> None:
    assert satisfaction_of(1.0, only("nature", quality=0.9)) > satisfaction_of(1.0, only("nature", quality=0.3)) + 0.2
    assert satisfaction_of(1.0, only("nature")) > satisfaction_of(0.5, only("nature")) + 0.2


def test_what_fits_is_clicked_and_what_does_not_is_passed_by_or_dismissed() -> None:
    nature, stories = only("nature"), only("stories")
    read = reads(reader_of("nature"), [nature, stories] * 1_000, habits=replace(HABITS, position_bias=0))
    clicked = {act.position for act in read.acts if act.kind == "click"}
    dismissed = {act.position for act in read.acts if act.kind == "dismiss"} - clicked
    assert sum(position % 2 == 0 for position in clicked) > 900
    assert sum(position % 2 == 1 for position in clicked) < 20
    assert 10 < len(dismissed) < 60
    assert all(position % 2 == 1 for position in dismissed)


def test_likes_saves_and_regrets_follow_a_click_of_their_item() -> None:
    read = reads(reader_of("nature"), [only("nature", quality=0.1 * (place % 10)) for place in range(1_000)])
    opened_at = {act.position: act.after_s for act in read.acts if act.kind == "click"}
    others = [act for act in read.acts if act.kind != "click"]
    assert {act.kind for act in others} == {"like", "save", "dismiss"}
    assert all(act.after_s > opened_at[act.position] for act in others)


def test_what_satisfies_is_read_longer() -> None:
    good, bad = only("nature", quality=0.95), only("nature", quality=0.05)
    read_s = {act.position: act.read_s for act in reads(reader_of("nature"), [good, bad] * 300).acts if act.read_s}
    assert min(read_s.values()) >= SHORTEST_READ_S
    long = [seconds for position, seconds in read_s.items() if position % 2 == 0]
    short = [seconds for position, seconds in read_s.items() if position % 2 == 1]
    assert sum(long) / len(long) > 1.5 * sum(short) / len(short)


def test_acts_come_in_the_order_of_their_times() -> None:
    times = [act.after_s for act in reads(reader_of("nature"), [only("nature")] * 300).acts]
    assert times == sorted(times)


def test_a_card_below_the_readers_patience_is_never_seen() -> None:
    read = reads(reader_of("nature"), [only("nature")] * 40, patience=7)
    assert read.viewed == tuple(range(7))
    assert max(act.position for act in read.acts) < 7
    assert reads(reader_of("nature"), [only("nature")] * 40, patience=0) == PageRead((), (), 0.0)


def test_an_item_meets_the_same_luck_wherever_it_stands() -> None:
    habits = replace(HABITS, position_bias=0)
    cards = [Card(f"item {place}", only("nature", quality=0.5), place) for place in range(40)]
    turned = [replace(card, position=place) for place, card in enumerate(reversed(cards))]

    def done(page: Sequence[Card]) -> set[tuple[str, str]]:
        read = read_page(1, reader_of("nature"), page, day=0, patience=99, habits=habits)
        return {(act.item, act.kind) for act in read.acts}

    assert done(cards) == done(turned)


def test_patience_is_as_long_as_the_readers_own_on_average() -> None:
    lengths = [cards_looked_through(1, reader_of("nature"), day=day, visit=0) for day in range(2_000)]
    assert 27 < sum(lengths) / len(lengths) < 33
    assert min(lengths) == 1
