from __future__ import annotations

from pathlib import Path

import pytest

from catalog.importers.formats import format_of_path, items_file


@pytest.mark.parametrize("name", ["items.jsonl", "items.csv", "items.parquet", "items.csv.gz"])
def test_a_folder_of_our_own_shape_means_its_file_of_items(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    (tmp_path / "interactions.csv").touch()
    assert items_file(tmp_path) == tmp_path / name
    assert format_of_path(items_file(tmp_path)) is not None


@pytest.mark.parametrize("name", ["u.item", "books.csv", "other.csv"])
def test_any_other_path_is_left_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert items_file(tmp_path) == tmp_path
    assert items_file(tmp_path / name) == tmp_path / name


def test_a_known_data_set_with_items_beside_it_stays_that_data_set(tmp_path: Path) -> None:
    (tmp_path / "u.item").touch()
    (tmp_path / "items.csv").touch()
    assert items_file(tmp_path) == tmp_path
