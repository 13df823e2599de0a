from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.retrieval_data import load
from benchmarks.retrieval_ratings import ITEM_SCHEMA, DataError
from tests.benchmarks.small_ratings import ML_100K, needs_ml_100k

FILM = "|Toy Story (1995)|01-Jan-1995||http://x|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0"
BARE_FILM = "|Amélie||||1" + "|0" * 18


@pytest.fixture
def movielens(tmp_path: Path) -> Path:
    """Three ratings share a second, in an order that no sort by id would leave."""
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    rows = [(1, 9, 5, 200), (2, 4, 1, 100), (1, 7, 3, 100), (1, 2, 4, 100), (2, 9, 2, 50)]
    (folder / "u.data").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    films = "".join(f"{item}{BARE_FILM if item == 9 else FILM}\n" for item in (2, 4, 7, 9))
    (folder / "u.item").write_text(films, "latin-1")
    (folder / "u.user").write_text("1|24|M|technician|85711\n2|56|F|other|94043\n")
    return folder


def test_movielens_is_sorted_by_time_only(movielens: Path) -> None:
    dataset = load(movielens)
    assert dataset.interactions.reader_ids.tolist() == [2, 2, 1, 1, 1]
    assert dataset.interactions.item_ids.tolist() == [9, 4, 7, 2, 9]
    assert dataset.ratings is not None
    assert dataset.ratings.tolist() == [2, 1, 3, 4, 5]
    assert dataset.interactions.weights.tolist() == [1] * 5


def test_movielens_tells_of_films_and_viewers(movielens: Path) -> None:
    dataset = load(movielens)
    story, amelie = dataset.items.take([0, 3]).to_pylist()
    assert (story["title"], story["topics"]) == ("Toy Story (1995)", [3, 4, 5])
    assert story["published_at"] == datetime(1995, 1, 1, tzinfo=UTC)
    assert (amelie["title"], amelie["topics"], amelie["published_at"]) == ("Amélie", [0], None)
    assert dataset.readers == {
        1: {"age": "18-24", "gender": "M", "occupation": "technician"},
        2: {"age": "56 or more", "gender": "F", "occupation": "other"},
    }


@needs_ml_100k
def test_the_whole_of_movielens_is_read() -> None:
    dataset = load(ML_100K)
    assert (len(dataset), dataset.num_items, len(dataset.readers)) == (100_000, 1_682, 943)
    assert (np.diff(dataset.interactions.times_s) >= 0).all()
    assert dataset.items["published_at"].null_count < 5


def test_a_csv_with_texts_for_ids_loads(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("reader,item,time\nann,tea,30\nbob,tea,10\nann,milk,20\nann,tea,40\n")
    dataset = load(path)
    assert dataset.name == "mine"
    assert dataset.interactions.reader_ids.tolist() == [1, 0, 0]  # bob, ann, ann
    assert dataset.interactions.item_ids.tolist() == [1, 0, 1]  # tea, milk, tea: the second time is dropped
    assert dataset.interactions.times_s.tolist() == [10, 20, 30]
    assert dataset.items.schema == ITEM_SCHEMA
    assert dataset.items["title"].to_pylist() == ["", ""]
    assert dataset.ratings is None


def test_numbers_stay_the_ids_that_they_are(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("reader,item,time,rating,weight,kind\n70,900,1,5,0.5,like\n60,800,2,1,2,click\n")
    dataset = load(path)
    assert dataset.interactions.reader_ids.tolist() == [70, 60]
    assert dataset.items["item_id"].to_pylist() == [800, 900]
    assert (dataset.ratings.tolist(), dataset.kinds.tolist()) == ([5, 1], ["like", "click"])  # type: ignore[union-attr]
    assert dataset.interactions.weights.tolist() == [0.5, 2]


def test_a_parquet_file_may_tell_of_its_items(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    moment = datetime(2026, 2, 1, 12, tzinfo=UTC)
    pl.DataFrame(
        {
            "reader": ["a", "b", "b"],
            "item": ["y", "x", "y"],
            "time": [moment, moment, moment],
            "title": ["Why", None, "Why"],
            "topics": [["sea", "art"], [], ["sea", "art"]],
            "author": ["Kim", None, "Kim"],
            "published_at": [None, "2026-01-01T00:00:00Z", None],
        }
    ).write_parquet(path)
    dataset = load(path)
    assert dataset.interactions.times_s.tolist() == [moment.timestamp()] * 3
    assert dataset.items.to_pylist() == [
        {
            "item_id": 0,
            "title": "",
            "summary": "",
            "topics": [],
            "author": None,
            "language": "",
            "published_at": datetime(2026, 1, 1, tzinfo=UTC),
        },
        {
            "item_id": 1,
            "title": "Why",
            "summary": "",
            "topics": [1, 0],
            "author": 0,
            "language": "",
            "published_at": None,
        },
    ]


def test_topics_of_a_csv_stand_between_bars(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("reader,item,time,topics\n1,1,2026-02-01T12:00:00Z,sea|art\n1,2,2026-02-02T12:00:00Z,\n")
    dataset = load(path)
    assert dataset.items["topics"].to_pylist() == [[1, 0], []]
    assert np.diff(dataset.interactions.times_s).tolist() == [86_400]


def test_the_order_of_a_file_within_one_second_is_not_kept(tmp_path: Path) -> None:
    """Sorted by item, it would give away which item comes last."""
    path = tmp_path / "mine.csv"
    path.write_text("reader,item,time\n" + "".join(f"1,{item},7\n" for item in range(50)))
    read = load(path).interactions.item_ids.tolist()
    assert read != sorted(read)
    assert read == load(path).interactions.item_ids.tolist()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("reader,thing\n1,2\n", "also needs item, time"),
        ("reader,item,time\n", "no rows"),
        ("reader,item,time\n1,,5\n", "1 rows have no item"),
        ("reader,item,time\n1,2,soon\n", "'soon' is neither"),
        ("reader,item,time\n1,2,1700000000000\n", "Divide milliseconds"),
        ("reader,item,time,weight\n1,2,3,0\n", "above 0"),
        ("reader,item,time,rating\n1,2,3,good\n", "should be a number"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=complaint):
        load(path)


def test_a_wrong_path_is_refused_with_what_would_be_right(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        load(tmp_path / "absent.csv")
    with pytest.raises(DataError, match=r"no ml-100k folder: it has no u.data, u.item, u.user"):
        load(tmp_path)
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(DataError, match=r"ends in .csv or .parquet"):
        load(tmp_path / "mine.txt")
