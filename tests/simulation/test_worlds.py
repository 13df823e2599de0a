from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from simulation.worlds import FOLDER, WorldError, load_world, world_names


def changed(folder: Path, text: str) -> str:
    """A world that is the default but for this."""
    path = folder / "odd.toml"
    path.write_text(f'based_on = "default"\n{text}')
    return str(path)


def test_there_are_three_worlds_and_they_differ_in_what_they_are_named_for() -> None:
    assert world_names() == ["default", "double-position-bias", "no-unwanted"]
    default = load_world("default")
    honest = load_world("no-unwanted")
    assert replace(honest, name="default", items=default.items) == default
    assert (default.items.unwanted_share, honest.items.unwanted_share) == (0.2, 0)
    biased = load_world("double-position-bias")
    assert replace(biased, name="default", habits=default.habits) == default
    assert biased.habits == replace(default.habits, position_bias=2 * default.habits.position_bias)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_every_number_has_its_reason_beside_it(path: Path) -> None:
    numbers = [line for line in path.read_text().splitlines() if re.match(r"\w+ = [\d-]", line)]
    assert numbers
    assert [line for line in numbers if not re.search(r"# \S+ \S+", line)] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[items]\nunwanted_share = 1.5", r"\[items\] unwanted_share is 1.5, wanted a number from 0 to 1"),
        ("[readers]\nmood = true", r"\[readers\] mood is True, wanted a number"),
        ("[readers]\ntopics_chosen = 2.5", r"\[readers\] topics_chosen is 2.5, wanted a whole number from 1"),
        ("[habits]\nposition_bias = nan", r"\[habits\] position_bias is nan"),
        ("[habits]\nposition_bia = 1", r"\[habits\] knows no position_bia"),
        ("[weather]\nrain = 1", r"knows no table \['weather'\]"),
        ("[items]\nbait_shortest_read_s = 4.9", r"bait_shortest_read_s is 4.9, more than"),
        ("[items", "is no TOML"),
    ],
)
def test_nonsense_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(WorldError, match=words):
        load_world(changed(tmp_path, text))


def test_a_world_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(WorldError, match=r"no world 'paradise'\. There are default, "):
        load_world("paradise")


def test_a_world_must_say_everything_or_be_based_on_one_that_does(tmp_path: Path) -> None:
    path = tmp_path / "short.toml"
    path.write_text("[items]\nunwanted_share = 0.1")
    with pytest.raises(WorldError, match=r"\[items\] lacks bait_dismissals, "):
        load_world(str(path))
    path.write_text('based_on = "nothing"')
    with pytest.raises(WorldError, match="is based on 'nothing'"):
        load_world(str(path))
