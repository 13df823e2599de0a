from __future__ import annotations

from pathlib import Path

import pytest

from recsite.onemachine import catalogue_source


def test_ratings_of_a_data_set_are_imported_too_and_end_an_hour_ago(tmp_path: Path) -> None:
    (tmp_path / "u.item").touch()
    (command,) = catalogue_source.given(tmp_path).commands
    assert command[-2:] == ["--with-history", "--shift-to-now"]


@pytest.mark.parametrize("name", ["books.csv", "items.jsonl"])
def test_a_catalogue_without_ratings_is_imported_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    source = catalogue_source.given(tmp_path)
    assert "--with-history" not in source.commands[0]
    assert not source.has_history


@pytest.mark.parametrize("named", ["", "items.csv"])
def test_interactions_beside_the_items_are_imported_too(tmp_path: Path, named: str) -> None:
    (tmp_path / "items.csv").touch()
    (tmp_path / "interactions.parquet").touch()
    source = catalogue_source.given(tmp_path / named)
    assert source.commands[0][-2:] == ["--with-history", "--shift-to-now"]
    assert source.has_history


def test_made_up_world_has_readers_who_were_there_before(tmp_path: Path) -> None:
    source = catalogue_source.synthetic(tmp_path, items=None, readers=None)
    assert [command[1:4] for command in source.commands[:2]] == [
        ["-m", "simulation", "catalogue"],
        ["-m", "simulation", "history"],
    ]
    assert "--with-history" in source.commands[2]
    assert source.has_history


def test_made_up_world_without_readers_has_no_history(tmp_path: Path) -> None:
    source = catalogue_source.synthetic(tmp_path, items=240, readers=0)
    assert [command[-2:] for command in source.commands] == [
        ["--items", "240"],
        ["jsonl", str(tmp_path / "items.jsonl")],
    ]
    assert not source.has_history
