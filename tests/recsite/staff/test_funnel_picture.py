"""The picture of the funnel: heights are counts, and an item's line never leaves its flow."""

from __future__ import annotations

import re

import pytest

from recsite.reader_state import read_state
from recsite.staff.funnel_picture import FunnelPicture, Line, ordinal, picture_of, way_in_words
from recsite.staff.inspection import Inspection, Way, inspect
from recsite.staff.inspection_tables import removed_with_lines
from recsite.staff.slopes import slopes_of
from recsite.staff.what_if import compare
from tests.recsite.planted_site import Site, readers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def inspection(monkeypatch: pytest.MonkeyPatch) -> Inspection:
    site = Site.open(monkeypatch)
    reader = next(one for one in readers() if one.languages == ["en"])
    site.act(reader, "hide_author", author_id=3)
    state = read_state(reader=reader, languages=frozenset(["en"]), now=site.now)
    assert site.shelf.live is not None
    return inspect(state=state, serving=site.shelf.live, now=site.now)


@pytest.fixture
def picture(inspection: Inspection) -> FunnelPicture:
    removed = removed_with_lines(inspection)
    shown = [*inspection.item_ids, *removed]
    names = {item_id: f"Item {item_id}" for item_id in shown}
    return picture_of(inspection, titles=names, urls={item_id: f"/{item_id}/" for item_id in shown}, removed=removed)


def numbers(d: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", d)]


def ends(line: str) -> tuple[float, float]:
    """y where the path begins, and where it ends, but for a level end."""
    body = re.sub(r"H[\d.]+$", "", line)
    values = numbers(body)
    return values[1], values[-1]


def test_an_item_is_as_high_in_every_stage(inspection: Inspection, picture: FunnelPicture) -> None:
    bars = [*picture.sources, picture.union, picture.kept, *picture.removed, picture.order]
    assert len(bars) >= 4 + len(inspection.sources)
    for bar in bars:
        assert bar.height == pytest.approx(bar.count * picture.item, abs=0.02)
    assert picture.union.count == picture.kept.count + sum(bar.count for bar in picture.removed)


def test_what_the_sources_bring_adds_up_to_the_union(picture: FunnelPicture) -> None:
    brought = 0.0
    for ribbon in picture.ribbons:
        if ribbon.kind in {"is-of-the-reader", "is-for-everybody"}:
            to_y, foot = numbers(ribbon.d)[7], float(re.findall(r"V([\d.]+)", ribbon.d)[0])
            brought += foot - to_y
    assert brought == pytest.approx(picture.union.height, abs=0.2)


def test_the_picture_holds_all_of_it(picture: FunnelPicture) -> None:
    bars = [*picture.sources, picture.union, picture.kept, *picture.removed, picture.order]
    assert all(bar.y >= 64 - 0.02 and bar.y + bar.height <= picture.height for bar in bars)
    assert all(64 <= line.y <= picture.height for line in picture.lines)


def test_every_item_of_the_page_has_a_line_from_each_of_its_sources(
    inspection: Inspection, picture: FunnelPicture
) -> None:
    assert [line.item_id for line in picture.lines] == list(inspection.item_ids)
    for line in picture.lines:
        way = inspection.way(line.item_id)
        assert way is not None
        assert len(line.lines) == len(way.named_by) + 1


def test_a_line_begins_in_its_source_and_ends_in_its_row(inspection: Inspection, picture: FunnelPicture) -> None:
    bars = {run.name: bar for run, bar in zip(inspection.sources, picture.sources, strict=True)}
    for line in picture.lines:
        *strands, rest = line.lines
        way = inspection.way(line.item_id)
        assert way is not None
        for (source, place), strand in zip(way.named_by, strands, strict=True):
            bar, (begins, joins) = bars[source], ends(strand)
            assert begins == pytest.approx(bar.y + (place + 0.5) * picture.item, abs=0.03)
            assert joins == pytest.approx(ends(rest)[0], abs=0.03)
            assert picture.union.y <= joins <= picture.union.y + picture.union.height
        assert ends(rest)[1] == pytest.approx(line.y, abs=0.03)


def test_what_was_removed_ends_at_its_reason(inspection: Inspection, picture: FunnelPicture) -> None:
    bars = {bar.text: bar for bar in picture.removed}
    assert set(bars) == {"language", "hidden author"}
    assert picture.removed_lines
    for line in picture.removed_lines:
        bar = bars[inspection.removed[line.item_id].replace("_", " ")]
        assert bar.y <= ends(line.lines[-1])[1] <= bar.y + bar.height
        assert line.number is None


def test_a_title_that_is_too_long_is_cut(picture: FunnelPicture) -> None:
    line = Line(1, (), "", "A very long title indeed that goes on and on", "/1/", 1, 100.0)
    assert line.short_title.endswith("…")
    assert len(line.short_title) <= 30
    assert picture.lines[0].short_title == picture.lines[0].title


def test_a_way_is_said_as_people_count() -> None:
    way = Way(7, (("two_tower", 0), ("popular", 11)), by_fusion=2, by_score=20, score=0.1, position=1)
    assert way_in_words(way) == (
        "Named by two tower (1st), popular (12th); 3rd by fusion, 21st by score; place 2 of the page."
    )
    gone = Way(7, (("fresh", 1),), removed="hidden_topic")
    assert way_in_words(gone) == "Named by fresh (2nd); removed: hidden topic."
    assert "by hand" in way_in_words(None)


@pytest.mark.parametrize(("place", "said"), [(0, "1st"), (10, "11th"), (20, "21st"), (111, "112th"), (1000, "1,001st")])
def test_ordinals(place: int, said: str) -> None:
    assert ordinal(place) == said


def test_two_pages_are_joined_by_a_line_for_each_item_of_both() -> None:
    names = {item_id: f"Item {item_id}" for item_id in range(4)}
    slopes = slopes_of(compare([0, 1, 2], [2, 1, 3]), titles=names, urls=names)
    kinds = {slope.moved.item_id: slope.kind for slope in slopes.items}
    assert kinds == {2: "is-moved", 1: "is-same", 3: "is-new", 0: "is-gone"}
    places = {slope.moved.item_id: (slope.left_y, slope.right_y) for slope in slopes.items}
    assert places[2] == (99, 55)
    assert places[1] == (77, 77)
    assert places[3] == (None, 99)
    assert places[0] == (55, None)
    assert slopes.height == 44 + 3 * 22
