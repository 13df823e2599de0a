"""Covers: the same for ever, no two alike, safe and small."""

from __future__ import annotations

import hashlib
import re
from xml.etree import ElementTree

import pytest

from recsite.covers import PATTERNS, Dice, cover_svg, oklch

TOPICS = [f"topic-{number}" for number in range(24)]
LIMIT_BYTES = 8_000


def test_same_names_give_the_same_bytes_for_ever() -> None:
    drawn = cover_svg("rivers", "42")
    assert drawn == cover_svg("rivers", "42")
    assert hashlib.sha256(drawn.encode()).hexdigest()[:16] == "1496f73120d964ea"


def test_no_two_covers_are_alike() -> None:
    drawn = {cover_svg(topic, str(key)) for topic in TOPICS for key in range(50)}
    assert len(drawn) == 24 * 50


@pytest.mark.parametrize("topic", TOPICS)
def test_cover_is_small_well_formed_and_only_shapes(topic: str) -> None:
    for key in range(40):
        drawn = cover_svg(topic, str(key))
        assert len(drawn.encode()) < LIMIT_BYTES
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(drawn).iter()}
        assert tags <= {"svg", "defs", "linearGradient", "stop", "g", "path", "circle", "use"}


def test_cover_is_three_by_two() -> None:
    root = ElementTree.fromstring(cover_svg("rivers", "1"))
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("600", "400", "0 0 600 400")


@pytest.mark.parametrize("name", ["", "none", "日本", "<script>", "\ud800", "a" * 500])
def test_any_name_gives_a_cover_that_does_not_contain_it(name: str) -> None:
    drawn = cover_svg(name, name)
    assert ElementTree.fromstring(drawn) is not None
    assert "script" not in drawn


def test_a_topics_covers_share_their_hue() -> None:
    def grounds(topic: str) -> list[str]:
        return [re.findall(r'stop-color="(#\w{6})"', cover_svg(topic, str(key)))[0] for key in range(12)]

    assert len({_dominant(ground) for ground in grounds("rivers")}) <= 2


def test_every_pattern_is_reached() -> None:
    families = [Dice(topic).sample(PATTERNS, 7) for topic in TOPICS]
    assert {pattern for family in families for pattern in family} == set(PATTERNS)


def test_dice_stay_between_their_bounds() -> None:
    dice = Dice("any")
    assert {dice.count(2, 4) for _ in range(200)} == {2, 3, 4}
    assert all(-1 <= dice.between(-1, 1) < 1 for _ in range(200))
    assert sorted(dice.sample([1, 2, 3], 3)) == [1, 2, 3]


def test_colour_outside_srgb_is_brought_inside() -> None:
    assert oklch(1.0, 0.0, 0.0) == "#ffffff"
    assert oklch(0.0, 0.3, 120.0) == "#000000"
    assert re.fullmatch(r"#[0-9a-f]{6}", oklch(0.9, 0.4, 260.0))


def _dominant(colour: str) -> str:
    channels = {"red": colour[1:3], "green": colour[3:5], "blue": colour[5:7]}
    return max(channels, key=lambda name: int(channels[name], 16))
