"""The file of what a simulation of the loop found, and what the page of the loop draws of it."""

from __future__ import annotations

import csv
import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from benchmarks.loop_curves import page_part
from recsite.staff.simulated_arms import ArmsFileError, SimulatedArms, read_arms
from tests.benchmarks.small_loop import results

RESULTS: dict[str, Any] = {
    "world": "default",
    "readers": 300,
    "items": 5000,
    "rounds": 8,
    "seeds": [1, 2, 3, 4],
    "revision": "abc",
    "made_at": "2026-03-01T12:00:00+00:00",
    "arms": {"of no concern": "to the page"},
    "curves": {
        "d": [
            {"round": 1, "mean": 0.2, "lower": 0.1, "upper": 0.3, "seeds": 4},
            {"round": 3, "mean": 0.4, "lower": None, "upper": None},
        ],
        "c1": [{"round": 2, "mean": 0.5}],
        "b": [],
    },
    "titles": {"d": "Viewed negatives", "c1": "Random negatives"},
    "groups": [{"title": "Labels", "arms": ["d", "c1"]}, {"title": "Towers", "arms": ["b"]}],
    "late": {"d": {"mean": 0.4, "lower": 0.35, "upper": 0.45}},
    "claims": [
        {
            "claim": "It helps",
            "difference": "d - c1",
            "mean": 0.1,
            "lower": 0.05,
            "upper": 0.15,
            "seeds": 4,
            "verdict": "supports",
        },
        {"claim": "It pays", "difference": "g10 - g0", "verdict": "not run"},
    ],
}


def written(folder: Path, said: object) -> Path:
    path = folder / "results-default.json"
    path.write_text(said if isinstance(said, str) else json.dumps(said))
    return path


def read(folder: Path, said: object) -> SimulatedArms:
    found = read_arms(written(folder, said))
    assert found is not None
    return found


def test_every_arm_has_its_rounds(tmp_path: Path) -> None:
    found = read(tmp_path, RESULTS)
    assert (found.made_at, found.world, found.worlds) == (datetime(2026, 3, 1, 12, tzinfo=UTC), "default", 4)
    labels, towers = found.groups
    d, c1 = labels.arms
    assert (labels.title, labels.numbers, towers.numbers) == ("Labels", [1, 2, 3], [])
    assert {number: one.mean for number, one in d.rounds.items()} == {1: 0.2, 3: 0.4}
    assert [(one.lower, one.upper) for one in d.rounds.values()] == [(0.1, 0.3), (None, None)]
    assert d.late is not None
    assert (d.title, d.late.mean, c1.late) == ("Viewed negatives", 0.4, None)
    assert [(one.worlds, one.by is None) for one in found.claims] == [(4, False), (0, True)]


def test_what_may_be_missing_is_done_without(tmp_path: Path) -> None:
    least = {name: RESULTS[name] for name in ("world", "readers", "items", "rounds", "seeds", "curves")}
    path = written(tmp_path, least)
    os.utime(path, (0, datetime(2026, 3, 4, tzinfo=UTC).timestamp()))
    found = read_arms(path)
    assert found is not None
    assert (found.made_at, found.revision) == (datetime(2026, 3, 4, tzinfo=UTC), "not known")
    assert [(one.title, [arm.title for arm in one.arms]) for one in found.groups] == [("All arms", ["d", "c1", "b"])]


def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    assert read_arms(tmp_path / "none.json") is None


BROKEN = [
    "{",
    "\xff\x00",
    "[" * 100_000,
    [],
    {},
    {**RESULTS, "made_at": "yesterday"},
    {**RESULTS, "made_at": "0001-01-01T00:00:00+14:00"},
    {**RESULTS, "curves": []},
    {**RESULTS, "curves": {"d": [{"round": 1}]}},
    {**RESULTS, "curves": {"d": [{"round": 1, "mean": float("nan")}]}},
    {**RESULTS, "curves": {"d": [{"round": 1, "mean": 10**400}]}},
    {**RESULTS, "curves": {"d": [{"round": 1, "mean": 1, "lower": float("-inf")}]}},
    {**RESULTS, "curves": {"d": [{"round": float("inf"), "mean": 1}]}},
    {**RESULTS, "curves": {"d": [None]}},
    {**RESULTS, "curves": {str(number): [] for number in range(101)}},
    {**RESULTS, "groups": [{"title": "x", "arms": ["nobody"]}]},
    {**RESULTS, "titles": ["d"]},
    {**RESULTS, "titles": {"d": "\ud800"}},
    {**RESULTS, "claims": {"x": 1}},
    {**RESULTS, "seeds": 4},
]


@pytest.mark.parametrize("said", BROKEN, ids=lambda said: repr(said)[:20])
def test_another_file_is_refused_by_name(tmp_path: Path, said: object) -> None:
    path = written(tmp_path, said)
    for _again in range(2):
        with pytest.raises(ArmsFileError, match=r"results-default\.json is not a results file"):
            read_arms(path)


def test_what_is_no_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ArmsFileError, match="cannot be read"):
        read_arms(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ArmsFileError, match="cannot be read"):
        read_arms(tmp_path / "pipe")
    with pytest.raises(ArmsFileError, match="cannot be read"):
        read_arms(written(tmp_path, RESULTS) / "below")


def test_a_file_that_cannot_be_results_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsite.staff.simulated_arms.MOST_BYTES", 10)
    with pytest.raises(ArmsFileError, match="larger than 10 bytes"):
        read_arms(written(tmp_path, RESULTS))


def test_a_file_is_parsed_once_until_it_changes(tmp_path: Path) -> None:
    path = written(tmp_path, RESULTS)
    first = read_arms(path)
    assert read_arms(path) is first
    path.write_text(json.dumps({**RESULTS, "world": "no-unwanted"}))
    second = read_arms(path)
    assert second is not None
    assert second.world == "no-unwanted"
    path.unlink()
    assert read_arms(path) is None


# --- on the page of the loop


@pytest.fixture
def staff(client: Client, settings: Settings, tmp_path: Path) -> Client:
    settings.LOOP_RESULTS = tmp_path / "results-default.json"
    client.force_login(User.objects.create_superuser("editor@example.com"))
    return client


def text(staff: Client) -> str:
    answer = staff.get(reverse("staff:loop"))
    assert answer.status_code == 200
    return answer.content.decode()


def rows(staff: Client, table: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(staff.get(reverse("staff:loop"), {"csv": table}).content.decode())))[1:]


@pytest.mark.django_db
def test_the_page_says_that_it_is_not_this_site_that_was_measured(staff: Client, tmp_path: Path) -> None:
    assert "simulated" not in text(staff)
    written(tmp_path, RESULTS)
    shown = text(staff)
    assert "In a simulated world, not on this site" in shown
    assert "Nothing below was measured on this site. 300 made-up readers" in shown
    assert "what 5,000 made-up items are worth" in shown
    assert "World “default” with 4 seeds, 8 rounds, code abc" in shown


@pytest.mark.django_db
def test_curves_are_charts_with_their_tables(staff: Client, tmp_path: Path) -> None:
    written(tmp_path, RESULTS)
    drawn = staff.get(reverse("staff:loop"), {"json": "simulated_1"}).json()
    assert (drawn["x"], [one["name"] for one in drawn["series"]]) == (["1", "2", "3"], ["d", "c1"])
    assert [one["values"] for one in drawn["series"]] == [[0.2, None, 0.4], [None, 0.5, None]]
    assert (drawn["series"][0]["lower"], drawn["series"][0]["upper"]) == ([0.1, None, None], [0.3, None, None])
    assert [line[1] for line in rows(staff, "simulated_1")] == ["0.2", "", "0.4"]
    assert "No arm of these has played a round." in text(staff)


@pytest.mark.django_db
def test_arms_and_claims_are_tables(staff: Client, tmp_path: Path) -> None:
    written(tmp_path, RESULTS)
    shown = text(staff)
    assert rows(staff, "simulated_arms")[0] == ["d", "Viewed negatives", "2", "0.4"]
    assert rows(staff, "simulated_claims") == [
        ["It helps", "d - c1", "0.1", "4", "supports"],
        ["It pays", "g10 - g0", "", "0", "not run"],
    ]
    assert "0.400 (0.350 to 0.450)" in shown
    assert "+0.100 (+0.050 to +0.150)" in shown


@pytest.mark.django_db
@pytest.mark.parametrize("said", BROKEN, ids=lambda said: repr(said)[:20])
def test_a_broken_file_is_said_in_a_sentence(staff: Client, tmp_path: Path, said: object) -> None:
    written(tmp_path, said)
    assert "is not a results file" in text(staff)
    assert staff.get(reverse("staff:loop"), {"json": "simulated_1"}).status_code == 404


@pytest.mark.django_db
def test_what_the_benchmark_writes_is_what_the_page_draws(staff: Client, tmp_path: Path) -> None:
    small = results({"d": {1: [0.5] * 4, 2: [0.6] * 4}, "c1": {1: [0.2] * 4, 2: [0.31] * 4}})
    small.write(tmp_path / "results-default.json", beside=page_part(small))
    drawn = staff.get(reverse("staff:loop"), {"json": "simulated_1"}).json()
    assert [one["name"] for one in drawn["series"]] == ["d", "c1"]
    assert drawn["series"][0]["values"] == pytest.approx([0.55] * 4)
    assert rows(staff, "simulated_claims")[0][1:] == ["d - c1", "0.295", "2", "supports"]
    assert "What learning from readers brings" in text(staff)
