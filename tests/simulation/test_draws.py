from __future__ import annotations

from simulation.draws import chance, reader_stream


def test_a_chance_depends_on_every_part_of_its_key_and_on_nothing_else() -> None:
    key = (1, "reader-00001", 3, "essay-0a", "click")
    others = [(2, *key[1:]), (1, "reader-00002", *key[2:]), (1, key[1], 4, *key[3:]), (*key[:3], "essay-0b", "click")]
    assert chance(*key) == chance(*key)
    assert len({chance(*each) for each in [key, *others, (*key[:4], "look")]}) == 6


def test_chances_are_even_between_0_and_1() -> None:
    drawn = sorted(chance(1, "reader", 0, f"item {number}", "look") for number in range(2_000))
    assert drawn[0] >= 0
    assert drawn[-1] < 1
    assert max(abs(value - place / 2_000) for place, value in enumerate(drawn)) < 0.04


def test_the_stream_of_a_day_is_its_own() -> None:
    assert reader_stream(1, "ann", 0, "visits").random() == reader_stream(1, "ann", 0, "visits").random()
    assert reader_stream(1, "ann", 0, "visits").random() != reader_stream(1, "ann", 1, "visits").random()
