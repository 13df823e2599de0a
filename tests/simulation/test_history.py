"""A small world that is browsed for some days, and the files that come of it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean

import pyarrow.parquet as pq
import pytest

from simulation.__main__ import main
from simulation.behaviour import Habits, match_of
from simulation.history import DayOfHistory, PastAct, WarmUp
from simulation.history_files import read_world
from simulation.offer import Offer, WorldItem, favourite_topics, topic_mixtures
from simulation.readers import SimulatedReader, draw_readers

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 6
READERS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world")
    sizes = ["--seed", "1", "--until", "2026-03-01"]
    assert main(["catalogue", "--out", str(out), "--items", "500", *sizes]) == 0
    assert main(["history", "--out", str(out), "--readers", str(READERS), "--days", str(DAYS), *sizes]) == 0
    return out


@pytest.fixture(scope="module")
def items(folder: Path) -> list[WorldItem]:
    return read_world(folder)


@pytest.fixture(scope="module")
def readers() -> list[SimulatedReader]:
    return list(draw_readers(seed=1, num_readers=READERS))


def browse(items: list[WorldItem], readers: list[SimulatedReader], *, seed: int = 1) -> list[DayOfHistory]:
    warm_up = WarmUp(seed=seed, readers=readers, items=items, habits=Habits())
    return list(warm_up.days(num_days=DAYS, until=UNTIL))


@pytest.fixture(scope="module")
def days(items: list[WorldItem], readers: list[SimulatedReader]) -> list[DayOfHistory]:
    return browse(items, readers)


@pytest.fixture(scope="module")
def acts(days: list[DayOfHistory]) -> list[PastAct]:
    return [act for day in days for act in day.acts]


def test_nothing_happens_outside_the_days_nor_to_what_is_not_there_yet(
    acts: list[PastAct], items: list[WorldItem]
) -> None:
    published = {item.key: item.published_at for item in items}
    assert UNTIL - timedelta(days=DAYS) <= min(act.happened_at for act in acts)
    assert max(act.happened_at for act in acts) < UNTIL
    assert all(act.happened_at > published[act.item] for act in acts)
    assert [act.happened_at for act in acts] == sorted(act.happened_at for act in acts)


def test_readers_read_their_languages_and_click_an_item_once(
    acts: list[PastAct], items: list[WorldItem], readers: list[SimulatedReader]
) -> None:
    language = {item.key: item.language for item in items}
    read = {reader.key: reader.languages for reader in readers}
    assert all(language[act.item] in read[act.reader] for act in acts)
    assert max(Counter((act.reader, act.item, act.kind) for act in acts).values()) == 1


def test_readers_click_what_fits_them(
    acts: list[PastAct], items: list[WorldItem], readers: list[SimulatedReader]
) -> None:
    by_key = {item.key: item for item in items}
    tastes = {reader.key: reader.tastes for reader in readers}
    clicked = [match_of(tastes[act.reader], by_key[act.item].truth) for act in acts if act.kind == "click"]
    anything = [match_of(reader.tastes, item.truth) for reader in readers for item in items[:50]]
    assert mean(clicked) > mean(anything) + 0.25


def test_clicks_likes_saves_and_dismissals_all_happen(days: list[DayOfHistory], acts: list[PastAct]) -> None:
    kinds = Counter(act.kind for act in acts)
    assert set(kinds) == {"click", "like", "save", "dismiss"}
    assert kinds["click"] > kinds["like"] > kinds["save"] > 0
    assert kinds["click"] < 0.2 * sum(day.num_views for day in days)
    assert all(day.num_views > 10 * day.num_visits for day in days)


def test_the_same_seed_gives_the_same_history_and_another_another(
    days: list[DayOfHistory], items: list[WorldItem], readers: list[SimulatedReader]
) -> None:
    assert browse(items, readers) == days
    assert browse(items, readers, seed=2) != days


def test_who_else_there_is_matters_only_for_what_is_popular(
    days: list[DayOfHistory], items: list[WorldItem], readers: list[SimulatedReader]
) -> None:
    """On the first day nothing is popular yet, so half of the readers alone do what they did among all."""
    alone = browse(items, readers[: READERS // 2])
    half = {reader.key for reader in readers[: READERS // 2]}
    assert alone[0].acts == tuple(act for act in days[0].acts if act.reader in half)
    assert alone[1].acts != tuple(act for act in days[1].acts if act.reader in half)


def test_shelves_hold_what_is_published_and_readable_with_the_most_popular_first(items: list[WorldItem]) -> None:
    at = UNTIL - timedelta(days=90)
    shelf = Offer(items, {item.key: place for place, item in enumerate(items)}, at=at).shelf(("de",))
    wanted = [item.key for item in items if item.language == "de" and item.published_at < at]
    assert shelf.everything == wanted
    assert shelf.popular == wanted[::-1][:120]
    assert sorted(key for keys in shelf.by_topic.values() for key in keys) == sorted(wanted)


def test_favourite_topics_are_those_that_fit(items: list[WorldItem], readers: list[SimulatedReader]) -> None:
    mixtures = topic_mixtures(items)
    for reader in readers:
        first, *others = favourite_topics(reader, mixtures)
        best = match_of(reader.tastes, mixtures[first])
        assert best == max(match_of(reader.tastes, mixture) for mixture in mixtures.values())
        assert all(match_of(reader.tastes, mixtures[other]) <= best for other in others)


def test_files_tell_the_site_what_happened_and_keep_the_truth_apart(
    folder: Path, acts: list[PastAct], readers: list[SimulatedReader]
) -> None:
    table = pq.read_table(folder / "interactions.parquet")
    assert table.column_names == ["reader", "item", "kind", "time"]
    assert table.column("item").to_pylist() == [act.item for act in acts]
    lags = [act.happened_at - told for act, told in zip(acts, table.column("time").to_pylist(), strict=True)]
    assert all(timedelta(0) <= lag < timedelta(milliseconds=1) for lag in lags)
    told = [json.loads(line) for line in (folder / "readers.jsonl").read_text().splitlines()]
    assert told == [reader.public for reader in readers]
    assert not any("tastes" in line for line in (folder / "readers.jsonl").read_text().splitlines())


def test_a_second_run_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in ("items.jsonl", "truth.jsonl"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    options = ["--seed", "1", "--until", "2026-03-01", "--readers", str(READERS), "--days", str(DAYS)]
    assert main(["history", "--out", str(tmp_path), *options]) == 0
    for name in ("interactions.parquet", "readers.jsonl", "readers-truth.jsonl"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_a_folder_without_a_world_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--out", str(tmp_path), "--seed", "1"]) == 1
    said = capsys.readouterr().err
    assert "Write a world first: python -m simulation catalogue" in said
    assert said.count("\n") == 1


def test_truth_of_another_world_is_noticed(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "items.jsonl").write_bytes((folder / "items.jsonl").read_bytes())
    first_line = (folder / "truth.jsonl").read_bytes().splitlines(keepends=True)[0]
    (tmp_path / "truth.jsonl").write_bytes(first_line)
    assert main(["history", "--out", str(tmp_path), "--seed", "1"]) == 1
    assert "not of one world" in capsys.readouterr().err


def test_what_somebody_has_dealt_with_does_not_come_back(days: list[DayOfHistory]) -> None:
    acted: dict[tuple[str, str], set[int]] = defaultdict(set)
    for number, day in enumerate(days):
        for act in day.acts:
            acted[act.reader, act.item].add(number)
    assert max(map(len, acted.values())) == 1
