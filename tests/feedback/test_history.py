from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from catalog.importers.formats import FORMATS
from catalog.models import Item, Reader
from feedback.buckets import reader_bucket
from feedback.models import Interaction
from tests.catalog.importers.running import read_rejects, real_data
from tests.factories import NOW

pytestmark = pytest.mark.django_db

FIRST = int(datetime(1998, 1, 2, tzinfo=UTC).timestamp())
READERS = ("1|24|M|technician|85711", "2|53|F|writer|94043")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def data_set(folder: Path, *ratings: str, readers: tuple[str, ...] = READERS, films: tuple[str, ...] = ()) -> Path:
    """A folder in the form of MovieLens 100K with two films, of which the second has no date."""
    films = films or ("1|Toy Story (1995)|01-Jan-1995||http://x.org/1|0|1", "2|Alien (1979)||||1|0")
    data = folder / "ml"
    data.mkdir(exist_ok=True)
    (data / "u.genre").write_text("Action|0\nComedy|1\n")
    (data / "u.item").write_text("".join(f"{film}\n" for film in films), encoding="latin-1")
    (data / "u.user").write_text("".join(f"{reader}\n" for reader in readers))
    (data / "u.data").write_text("".join(f"{rating}\n" for rating in ratings))
    return data


def rated(reader: object, item: object, rating: object, second: int = 0) -> str:
    return f"{reader}\t{item}\t{rating}\t{FIRST + second}"


def imported(data: Path, *options: str) -> str:
    output = io.StringIO()
    arguments = ["--format", "movielens", str(data), "--with-history", "--now", NOW.isoformat(), *options]
    call_command("import_catalog", *arguments, stdout=output)
    return output.getvalue()


def log() -> list[tuple[Any, ...]]:
    rows = Interaction.objects.order_by("pk").values_list(
        "reader__external_id", "item__external_id", "kind", "happened_at", "undone_at"
    )
    return list(rows)


def moment(second: int) -> datetime:
    return datetime.fromtimestamp(FIRST + second, tz=UTC)


@pytest.mark.database
def test_ratings_become_likes_clicks_and_dismissals_at_their_own_times(tmp_path: Path) -> None:
    films = tuple(f"{n}|Film {n} (1990)|01-Jan-1990||http://x.org/{n}|1|0" for n in range(1, 6))
    ratings = [rated(1, item, rating, second=item) for item, rating in zip(range(1, 6), (5, 4, 3, 2, 1), strict=True)]
    imported(data_set(tmp_path, *ratings, films=films))
    assert [row[2] for row in log()] == ["like", "like", "click", "dismiss", "dismiss"]
    for act, second in zip(Interaction.objects.order_by("pk"), range(1, 6), strict=True):
        assert (act.happened_at, act.received_at, act.imported_at) == (moment(second), moment(second), NOW)
        assert (act.surface, act.slate_id, act.reader_bucket) == ("direct", None, reader_bucket(act.reader.public_id))


def test_readers_bring_age_band_gender_and_occupation_and_no_more(tmp_path: Path) -> None:
    imported(data_set(tmp_path, rated(1, 1, 5, second=7)))
    reader = Reader.objects.get(external_id="movielens:1")
    assert reader.attributes == {"age_band": "18-24", "gender": "M", "occupation": "technician"}
    assert reader.created_at == moment(7)
    assert Reader.objects.get(external_id="movielens:2").attributes["age_band"] == "50-55"


def test_who_rated_without_being_listed_is_a_reader_too(tmp_path: Path) -> None:
    imported(data_set(tmp_path, rated(9, 1, 5)))
    assert Reader.objects.get(external_id="movielens:9").attributes == {}


def test_what_the_site_knows_of_a_reader_besides_is_kept(tmp_path: Path) -> None:
    Reader.objects.create(external_id="movielens:1", attributes={"gender": "X", "team": "red"}, created_at=NOW)
    assert "1 readers made, 1 updated" in imported(data_set(tmp_path, rated(1, 1, 5)))
    reader = Reader.objects.get(external_id="movielens:1")
    assert (reader.attributes["team"], reader.attributes["gender"]) == ("red", "M")


@pytest.mark.database
def test_a_second_import_changes_nothing(tmp_path: Path) -> None:
    data = data_set(tmp_path, rated(1, 1, 5), rated(2, 1, 3, 5), rated(2, 2, 1, 9))

    def versions() -> list[Any]:
        found = []
        with connection.cursor() as cursor:
            for table in ("feedback_interaction", "catalog_reader", "catalog_item"):
                cursor.execute(f"SELECT id, xmin::text, ctid::text FROM {table} ORDER BY id")
                found.append(cursor.fetchall())
        return found

    imported(data, "--shift-to-now")
    before = versions()
    again = imported(data, "--shift-to-now", "--now", (NOW + timedelta(days=3)).isoformat())
    assert "0 created, 0 updated, 2 unchanged" in again
    assert "3 interactions: 0 new, 3 already there, 0 readers made, 0 updated, 0 rejected" in again
    assert versions() == before


def test_ratings_of_the_same_second_keep_the_order_of_the_file(tmp_path: Path) -> None:
    films = tuple(f"{n}|Film {n} (1990)|01-Jan-1990||http://x.org/{n}|1|0" for n in range(1, 10))
    order = [7, 2, 9, 1, 4]
    imported(data_set(tmp_path, rated(1, 3, 5, second=60), *(rated(1, n, 5) for n in order), films=films))
    assert [int(row[1]) for row in log()] == [*order, 3]


def test_shifting_makes_the_newest_rating_an_hour_old_and_keeps_all_distances(tmp_path: Path) -> None:
    imported(data_set(tmp_path, rated(1, 1, 5, second=100), rated(1, 2, 4)), "--shift-to-now")
    hour_ago = NOW - timedelta(hours=1)
    assert [row[3] for row in log()] == [hour_ago - timedelta(seconds=100), hour_ago]


@pytest.mark.parametrize("options", [[], ["--shift-to-now"]])
def test_no_item_is_published_after_it_was_rated(tmp_path: Path, options: list[str]) -> None:
    films = ("1|Preview (1998)|23-Oct-1998||http://x.org/1|0|1", "2|Undated||||1|0", "3|Old (1950)|01-Jan-1950|||1|0")
    imported(data_set(tmp_path, *(rated(1, item, 5, second=item) for item in (1, 2, 3)), films=films), *options)
    published = dict(Item.objects.values_list("external_id", "published_at"))
    assert published["1"] == moment(1)
    assert published["2"] == moment(2)
    assert published["3"] == datetime(1950, 1, 1, tzinfo=UTC)


def test_a_later_rating_of_the_same_film_takes_the_place_of_the_earlier(tmp_path: Path) -> None:
    imported(data_set(tmp_path, rated(1, 1, 1, second=50), rated(1, 1, 5), rated(1, 1, 4, second=20)))
    assert [row[2:] for row in log()] == [
        ("like", moment(0), moment(20)),
        ("like", moment(20), moment(50)),
        ("dismiss", moment(50), None),
    ]


def test_bad_rows_are_set_aside_with_file_line_and_reason(tmp_path: Path) -> None:
    ratings = [
        rated(1, 1, 5),
        rated(1, 2, 6),
        "1\t1\t5\tyesterday",
        "1\t1\t5",
        rated(1, 77, 4),
        rated(1, 1, 5),
        f"1\t1\t5\t{int((NOW + timedelta(days=1)).timestamp())}",
        "1\t1\t5\t99999999999999999",
        rated(2, 2, 2),
    ]
    output = imported(data_set(tmp_path, *ratings, readers=(*READERS, "3|old|M|writer|1")))
    assert "2 interactions: 2 new" in output
    assert "8 rejected (see history-ml.rejects.jsonl)" in output
    rejects = sorted(read_rejects(Path("history-ml.rejects.jsonl")), key=lambda row: (row["file"], row["line"]))
    assert [(row["file"], row["line"], row["reason"].partition(":")[0]) for row in rejects] == [
        ("u.data", 2, "not a rating"),
        ("u.data", 3, "wrong type"),
        ("u.data", 4, "wrong number of columns"),
        ("u.data", 5, "item that is not in the catalogue"),
        ("u.data", 6, "the same reader, item and time again"),
        ("u.data", 7, "not a usable date"),
        ("u.data", 8, "not a usable date"),
        ("u.user", 3, "wrong type"),
    ]


def test_too_many_bad_rows_leave_no_history_at_all(tmp_path: Path) -> None:
    data = data_set(tmp_path, rated(1, 1, 5), rated(1, 77, 4), rated(1, 78, 4))
    with pytest.raises(CommandError) as caught:
        imported(data, "--max-rejects", "1")
    assert caught.value.returncode == 1
    assert "of u.data: 2 rows are bad and the limit is 1" in str(caught.value)
    assert (Interaction.objects.count(), Reader.objects.count(), Item.objects.count()) == (0, 0, 2)


def test_a_data_set_that_does_not_say_when_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="goodbooks does not say who did what and when") as caught:
        call_command("import_catalog", "--format", "goodbooks", str(tmp_path), "--with-history")
    assert caught.value.returncode == 2
    assert {name for name, format in FORMATS.items() if not format.history} == {"goodbooks"}


def test_shifting_without_history_is_a_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--with-history too") as caught:
        call_command("import_catalog", "--format", "movielens", str(tmp_path), "--shift-to-now")
    assert caught.value.returncode == 2


@pytest.mark.database
def test_the_real_ratings_import_whole(tmp_path: Path) -> None:
    output = imported(real_data("ml-100k"), "--max-rejects", "0")
    assert "100,000 interactions: 100,000 new, 0 already there, 943 readers made" in output
    kinds = {kind: Interaction.objects.filter(kind=kind).count() for kind in ("like", "click", "dismiss")}
    assert kinds == {"like": 55_375, "click": 27_145, "dismiss": 17_480}
    late = Interaction.objects.raw(
        "SELECT act.* FROM feedback_interaction act JOIN catalog_item item ON item.id = item_id"
        " WHERE happened_at < published_at LIMIT 1"
    )
    assert list(late) == []
