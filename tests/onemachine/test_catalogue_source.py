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
    (command,) = catalogue_source.given(tmp_path).commands
    assert "--with-history" not in command
