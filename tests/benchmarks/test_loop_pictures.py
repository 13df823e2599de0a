from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.loop_arms import ARMS
from benchmarks.loop_curves import GROUPS, Group
from benchmarks.loop_pictures import curves_picture, lifts_picture, main, write_pictures
from benchmarks.loop_results import LoopResults
from tests.benchmarks.small_loop import piece, results

SVG = "{http://www.w3.org/2000/svg}"
FEEDBACK = GROUPS[0]


def small(seeds: int = 4, rounds: int = 8) -> LoopResults:
    levels = {"d": 0.6, "c1": 0.5, "b": 0.45, "a": 0.2, "aa": 0.58}
    return results(
        {
            arm: {
                seed: [level * at / rounds + 0.008 * seed * (at % 2 + 1) for at in range(1, rounds + 1)]
                for seed in range(1, seeds + 1)
            }
            for arm, level in levels.items()
        },
        rounds=rounds,
    )


def drawn(svg: str) -> ElementTree.Element:
    assert len(svg.encode()) < 100_000
    return ElementTree.fromstring(svg)


def of_class(svg: str, tag: str, name: str) -> list[ElementTree.Element]:
    return [one for one in drawn(svg).iter(f"{SVG}{tag}") if name in one.get("class", "").split()]


def texts(svg: str) -> list[str]:
    return ["".join(one.itertext()) for one in drawn(svg).iter(f"{SVG}text")]


def test_one_curve_an_arm_with_its_band_and_its_name_at_the_end() -> None:
    svg = curves_picture(small(), FEEDBACK)
    curves = of_class(svg, "path", "curve")
    assert len(curves) == len(of_class(svg, "path", "band")) == len(FEEDBACK.arms) == 4
    assert {len(re.findall("[ML]", one.get("d", ""))) for one in curves} == {8}
    assert set(FEEDBACK.arms) <= set(texts(svg))
    assert f"d: {ARMS['d'].title}" in texts(svg)
    assert len({one.get("style") for one in curves}) == 4


def test_a_better_arm_is_drawn_higher_and_time_runs_to_the_right() -> None:
    points = {}
    for arm, one in zip(FEEDBACK.arms, of_class(curves_picture(small(), FEEDBACK), "path", "curve"), strict=True):
        points[arm] = [tuple(map(float, place.split())) for place in re.split("[ML]", one.get("d", ""))[1:]]
    assert points["d"][-1][1] < points["c1"][-1][1] < points["b"][-1][1] < points["a"][-1][1]
    assert [x for x, _y in points["d"]] == sorted({x for x, _y in points["d"]})


def test_bands_that_are_far_wider_than_the_curves_do_not_flatten_them() -> None:
    """With two worlds, t is 12.7: the curves still take a quarter of the height."""
    svg = curves_picture(small(seeds=2), FEEDBACK)
    heights = [float(y) for one in of_class(svg, "path", "curve") for y in re.findall(r" ([\d.-]+)", one.get("d", ""))]
    assert max(heights) - min(heights) > 75


def test_one_world_has_curves_without_bands() -> None:
    svg = curves_picture(small(seeds=1), FEEDBACK)
    assert len(of_class(svg, "path", "curve")) == 4
    assert of_class(svg, "path", "band") == []


def test_an_unfinished_arm_ends_early_and_one_of_which_nothing_is_known_is_not_drawn() -> None:
    pieces = [piece("random", 1, [0.0] * 4), piece("oracle", 1, [1.0] * 4), piece("c1", 1, [])]
    pieces += [piece("d", 1, [0.5, 0.6]), piece("b", 1, [0.5] * 4)]
    svg = curves_picture(LoopResults.of_pieces(pieces, rounds=4), FEEDBACK)
    assert [len(re.findall("[ML]", one.get("d", ""))) for one in of_class(svg, "path", "curve")] == [2, 4]
    nothing = LoopResults.of_pieces([piece("d", 1, [0.5]), piece("c1", 1, [0.5])], rounds=4)
    assert of_class(curves_picture(nothing, FEEDBACK), "path", "curve") == []


def test_who_does_not_see_it_is_told() -> None:
    for svg in (curves_picture(small(), FEEDBACK), lifts_picture(small())):
        root = drawn(svg)
        named = [root.find(f"{SVG}{tag}") for tag in ("title", "desc")]
        assert root.get("role") == "img"
        assert [one.get("id") for one in named if one is not None] == root.get("aria-labelledby", "").split()
        assert all(one is not None and one.text for one in named)
    description = drawn(curves_picture(small(), FEEDBACK)).find(f"{SVG}desc")
    assert description is not None
    assert "c1 from 0.10 in round 1 to 0.52 in round 8" in (description.text or "")


def test_colours_change_where_it_is_dark_and_names_stand_in_ink() -> None:
    svg = curves_picture(small(), FEEDBACK)
    assert "prefers-color-scheme: dark" in svg
    assert not re.search(r"#[0-9a-f]{3}", svg.split("</style>")[1])
    assert all(one.get("style") is None for one in drawn(svg).iter(f"{SVG}text"))


def test_titles_are_text_and_not_markup() -> None:
    svg = curves_picture(small(), Group("x", "<script>alert(1)</script> & more", ("d", "c1")))
    assert "<script>" not in svg
    assert "<script>alert(1)</script> & more" in texts(svg)


def test_lifts_stand_by_arm_with_intervals_and_without_the_ends_of_the_scale() -> None:
    pieces = [
        piece(arm, seed, [0.5] * 4, look_alike_lift=level + 0.01 * seed, look_alike_candidates_lift=1.2)
        for arm, level in (("d", 0.2), ("c1", 0.8), ("random", 1.0), ("aa", 0.2))
        for seed in (1, 2, 3)
    ]
    svg = lifts_picture(LoopResults.of_pieces([*pieces, piece("b", 1, [0.5] * 4)], rounds=4))
    legend = 1
    assert len(list(drawn(svg).iter(f"{SVG}circle"))) == 2 + legend
    assert len(of_class(svg, "line", "whisker")) == 4
    assert {"d", "c1"} <= set(texts(svg))
    assert not {"random", "aa", "b"} & set(texts(svg))
    places = [float(one.get("cx", "")) for one in drawn(svg).iter(f"{SVG}circle")][:2]
    assert places == sorted(places)


def test_pictures_are_written_for_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.json"
    small().write(path)
    assert main([str(path), str(tmp_path / "pictures")]) == 0
    names = [Path(line).name for line in capsys.readouterr().out.splitlines()]
    # Beside feedback, d and c1 are compared as labels and as features, d and b as towers.
    assert names == [
        "curves-feedback-small.svg",
        "curves-labels-small.svg",
        "curves-features-small.svg",
        "curves-alone-small.svg",
        "lifts-small.svg",
    ]
    assert sorted(one.name for one in (tmp_path / "pictures").iterdir()) == sorted(names)
    assert main([str(tmp_path / "none.json"), str(tmp_path)]) == 1
    assert [one.name for one in write_pictures(small(), tmp_path)] == names
