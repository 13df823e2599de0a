from __future__ import annotations

from pathlib import Path

import pytest

from catalog.importers.movielens import read_movielens
from catalog.importers.records import CatalogFileError, ReadingMeter
from catalog.models import Item
from tests.catalog.importers.running import real_data, run_import
from tests.factories import NOW

GENRES = ["unknown", "Action", "Comedy", "Film-Noir"]


def film(number: int, title: str, released: str = "01-Jan-1995", genres: str = "0|1|1|0") -> str:
    return f"{number}|{title}|{released}||http://us.imdb.com/M/title-exact?{number}|{genres}\n"


def folder_of(tmp_path: Path, *films: str, genres: list[str] = GENRES) -> Path:
    tmp_path.joinpath("u.genre").write_text("".join(f"{name}|{place}\n" for place, name in enumerate(genres)) + "\n")
    tmp_path.joinpath("u.item").write_bytes("".join(films).encode("latin-1"))
    return tmp_path


@pytest.mark.database
@pytest.mark.django_db
def test_a_film_becomes_an_item(tmp_path: Path) -> None:
    run_import(folder_of(tmp_path, film(7, "Cité des enfants perdus, La (1995)", "4-Feb-1995")), "movielens")
    item = Item.objects.get(source="movielens", external_id="7")
    assert item.title == "La Cité des enfants perdus (1995)"
    assert item.slug == f"la-cité-des-enfants-perdus-1995-{item.pk}"
    assert (item.language, item.attributes) == ("en", {"year": 1995})
    assert item.published_at.isoformat() == "1995-02-04T00:00:00+00:00"
    assert item.link == "http://us.imdb.com/M/title-exact?7"
    assert [topic.name for topic in item.topics.order_by("name")] == ["Action", "Comedy"]


@pytest.mark.database
@pytest.mark.django_db
def test_a_film_of_which_nothing_is_known_still_becomes_one(tmp_path: Path) -> None:
    assert run_import(folder_of(tmp_path, "267|unknown|||" + "|1|0|0|0\n"), "movielens").counts == (1, 0, 0, 0)
    item = Item.objects.get()
    assert (item.published_at, item.link, item.topics.count()) == (NOW, "", 0)


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ("Toy Story (1995)", "Toy Story (1995)"),
        ("Usual Suspects, The (1995)", "The Usual Suspects (1995)"),
        ("Old Lady Who Walked in the Sea, The (Vieille qui marchait dans la mer, La) (1991)",
         "The Old Lady Who Walked in the Sea (La Vieille qui marchait dans la mer) (1991)"),
        ("Enfer, L' (1994)", "L'Enfer (1994)"),
        ("Crazy, Stupid (1990)", "Crazy, Stupid (1990)"),
        ("Good, The Bad and The Ugly, The (1966)", "The Good, The Bad and The Ugly (1966)"),
        ("Two Friends (1986) ", "Two Friends (1986)"),
    ],
)  # fmt: skip
@pytest.mark.django_db
def test_library_order_is_undone(tmp_path: Path, given: str, title: str) -> None:
    run_import(folder_of(tmp_path, film(1, given)), "movielens")
    assert Item.objects.get().title == title


@pytest.mark.django_db
def test_broken_films_are_rejected_and_their_neighbours_kept(tmp_path: Path) -> None:
    films = [film(1, "A (1995)"), "2|B|short\n", film(3, "C (1995)", "31-Foo-1995"), film(4, "D (1995)")]
    done = run_import(folder_of(tmp_path, *films), "movielens", rejects_path=tmp_path / "rejects.jsonl")
    assert [reject["line"] for reject in done.rejects] == [2, 3]
    assert set(Item.objects.values_list("external_id", flat=True)) == {"1", "4"}


def test_genres_must_be_numbered_without_a_gap(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, film(1, "A (1995)"))
    folder.joinpath("u.genre").write_text("Action|0\nComedy|2\n")
    with pytest.raises(CatalogFileError, match="without a gap"):
        list(read_movielens(folder, ReadingMeter()))


@pytest.mark.database
@pytest.mark.django_db
def test_the_real_films_import_whole(tmp_path: Path) -> None:
    folder = real_data("ml-100k")
    done = run_import(folder, "movielens", rejects_path=tmp_path / "rejects.jsonl", max_rejects=0)
    assert done.counts == (1_682, 0, 0, 0)
    assert Item.objects.filter(topics__name="Drama").count() == 725
    again = run_import(folder, "movielens", rejects_path=tmp_path / "rejects.jsonl", max_rejects=0)
    assert again.counts == (0, 0, 1_682, 0)
