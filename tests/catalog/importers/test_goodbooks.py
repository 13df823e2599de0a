from __future__ import annotations

import csv
from pathlib import Path

import pytest

from catalog.importers.goodbooks import read_goodbooks
from catalog.importers.records import CatalogFileError, ReadingMeter
from catalog.models import Author, Item
from tests.catalog.importers.running import real_data, run_import
from tests.factories import NOW

BOOK = {
    "book_id": "1",
    "goodreads_book_id": "2767052",
    "isbn13": "9.78043902348e+12",
    "authors": "J.K. Rowling, Mary GrandPré",
    "original_publication_year": "1997.0",
    "original_title": "Harry Potter and the Philosopher's Stone",
    "title": "Harry Potter and the Sorcerer's Stone (Harry Potter, #1)",
    "language_code": "en-US",
    "average_rating": "4.44",
    "ratings_count": "4602479",
    "image_url": "https://images.gr-assets.com/books/1474154022m/3.jpg",
}


def folder_of(tmp_path: Path, *books: dict[str, str]) -> Path:
    with tmp_path.joinpath("books.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(BOOK))
        writer.writeheader()
        writer.writerows([BOOK | book for book in books])
    return tmp_path


@pytest.mark.database
@pytest.mark.django_db
def test_a_book_becomes_an_item(tmp_path: Path) -> None:
    run_import(folder_of(tmp_path, {}), "goodbooks")
    item = Item.objects.get(source="goodbooks", external_id="1")
    assert item.title == "Harry Potter and the Sorcerer's Stone (Harry Potter, #1)"
    assert item.author == Author.objects.get(name="J.K. Rowling")
    assert (item.language, item.image) == ("en", "")
    assert item.published_at.isoformat() == "1997-01-01T00:00:00+00:00"
    assert item.link == "https://www.goodreads.com/book/show/2767052"
    assert item.attributes == {
        "authors": ["J.K. Rowling", "Mary GrandPré"],
        "year": 1997,
        "original_title": "Harry Potter and the Philosopher's Stone",
        "average_rating": 4.44,
        "ratings_count": 4602479,
    }


@pytest.mark.django_db
def test_an_ancient_book_gets_the_earliest_date_and_keeps_its_year(tmp_path: Path) -> None:
    run_import(folder_of(tmp_path, {"original_publication_year": "-750.0", "original_title": "Ἰλιάς"}), "goodbooks")
    item = Item.objects.get()
    assert (item.published_at.year, item.attributes["year"]) == (1000, -750)
    assert item.attributes["original_title"] == "Ἰλιάς"


@pytest.mark.django_db
def test_what_a_book_does_not_say_is_left_out(tmp_path: Path) -> None:
    unsaid = dict.fromkeys(("original_publication_year", "original_title", "language_code", "authors"), "")
    run_import(folder_of(tmp_path, unsaid), "goodbooks")
    item = Item.objects.get()
    assert (item.published_at, item.language, item.author) == (NOW, "en", None)
    assert set(item.attributes) == {"authors", "average_rating", "ratings_count"}


@pytest.mark.parametrize(
    ("code", "language"), [("eng", "en"), ("en-GB", "en"), ("ger", "de"), ("per", "fa"), ("fil", "fil"), ("nl", "nl")]
)
@pytest.mark.django_db
def test_language_codes_lose_their_third_letter_and_region(tmp_path: Path, code: str, language: str) -> None:
    run_import(folder_of(tmp_path, {"language_code": code}), "goodbooks")
    assert Item.objects.get().language == language


@pytest.mark.parametrize(
    "damage",
    [{"original_publication_year": "soon"}, {"ratings_count": "1.5"}, {"average_rating": "nan"}, {"title": ""}],
)
@pytest.mark.django_db
def test_a_broken_book_is_rejected_and_its_neighbour_kept(tmp_path: Path, damage: dict[str, str]) -> None:
    done = run_import(
        folder_of(tmp_path, damage, {"book_id": "2"}), "goodbooks", rejects_path=tmp_path / "rejects.jsonl"
    )
    assert (done.counts, [reject["line"] for reject in done.rejects]) == ((1, 0, 0, 1), [2])


def test_a_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    tmp_path.joinpath("books.csv").write_text("external_id,title\n1,Bread\n")
    with pytest.raises(CatalogFileError, match="no column book_id, goodreads_book_id"):
        list(read_goodbooks(tmp_path, ReadingMeter()))


@pytest.mark.database
@pytest.mark.django_db
def test_the_real_books_import_whole(tmp_path: Path) -> None:
    folder = real_data("goodbooks")
    done = run_import(folder, "goodbooks", rejects_path=tmp_path / "rejects.jsonl", max_rejects=0)
    assert done.counts == (10_000, 0, 0, 0)
    assert Item.objects.filter(language="ar").count() == 64
    again = run_import(folder, "goodbooks", rejects_path=tmp_path / "rejects.jsonl", max_rejects=0)
    assert again.counts == (0, 0, 10_000, 0)
