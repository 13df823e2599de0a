"""Interactions beside a catalogue of one's own, through the command that imports both."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from catalog.importers.history_format import PAST_KINDS
from catalog.models import Item, Reader
from feedback.kinds import Kind
from feedback.models import Interaction
from tests.catalog.importers.running import read_rejects
from tests.factories import NOW

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 2, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three items, where rejects are also written."""
    monkeypatch.chdir(tmp_path)
    items = [{"external_id": key, "title": f"Item {key}", "published_at": "2026-01-01"} for key in ("a", "b", "c")]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return tmp_path


def write_csv(folder: Path, *lines: str, header: str = "reader,item,kind,time") -> None:
    (folder / "interactions.csv").write_text("\n".join([header, *lines]) + "\n")


def imported(path: Path, *options: str) -> str:
    output = io.StringIO()
    call_command("import_catalog", str(path), "--with-history", "--now", NOW.isoformat(), *options, stdout=output)
    return output.getvalue()


def log() -> list[tuple[Any, ...]]:
    rows = Interaction.objects.order_by("pk").values_list(
        "reader__external_id", "item__external_id", "kind", "happened_at", "undone_at"
    )
    return list(rows)


def test_every_kind_that_a_file_may_name_is_one_of_the_log() -> None:
    assert set(PAST_KINDS) <= set(Kind.values)


@pytest.mark.database
def test_interactions_of_a_csv_file_are_taken_in_at_their_times(folder: Path) -> None:
    write_csv(
        folder,
        "ann,a,click,2026-02-02T08:00:00Z",
        "ann,a,like,2026-02-02T09:00:01+01:00",
        f"bob,b,dismiss,{MONDAY.timestamp() + 2:.0f}",
        "bob,c,save,2026-02-02 08:00:03",
    )
    assert "4 interactions: 4 new, 0 already there, 2 readers made" in imported(folder)
    assert log() == [
        (reader, item, kind, MONDAY + timedelta(seconds=second), None)
        for second, (reader, item, kind) in enumerate(
            [("ann", "a", "click"), ("ann", "a", "like"), ("bob", "b", "dismiss"), ("bob", "c", "save")]
        )
    ]


def test_parquet_file_of_ratings_says_the_same(folder: Path) -> None:
    times = pa.array([MONDAY + timedelta(minutes=minute) for minute in range(4)], pa.timestamp("ns", tz="UTC"))
    ratings = pa.array([4.5, 4, 3.5, 2.5], pa.float32())
    columns = {"item": ["a", "b", "c", "a"], "reader": [1, 1, 1, 2], "rating": ratings, "time": times}
    pq.write_table(pa.table(columns), folder / "interactions.parquet")
    imported(folder / "items.jsonl")
    assert [(row[0], row[2]) for row in log()] == [("1", "like"), ("1", "like"), ("1", "click"), ("2", "dismiss")]


def test_readers_file_tells_languages_country_and_attributes(folder: Path) -> None:
    write_csv(folder, "ann,a,click,2026-02-02T08:00:00Z")
    readers = [
        {"external_id": "ann", "languages": ["en", "DE"], "country": "ch", "attributes": {"age_band": "25-34"}},
        {"external_id": "eve"},
    ]
    (folder / "readers.jsonl").write_text("".join(json.dumps(reader) + "\n" for reader in readers))
    imported(folder)
    ann, eve = Reader.objects.order_by("external_id")
    assert (ann.languages, ann.country, ann.attributes) == (["en", "de"], "CH", {"age_band": "25-34"})
    assert (eve.languages, eve.country, eve.attributes, eve.created_at) == ([], "", {}, NOW)
    assert "0 readers made, 0 updated" in imported(folder)


def test_readers_file_may_be_csv(folder: Path) -> None:
    write_csv(folder, "ann,a,click,2026-02-02T08:00:00Z")
    (folder / "readers.csv").write_text('external_id,languages,attributes\nann,en|es,"{""team"": ""red""}"\n')
    imported(folder)
    ann = Reader.objects.get()
    assert (ann.languages, ann.attributes) == (["en", "es"], {"team": "red"})


def test_what_a_readers_file_does_not_tell_stays(folder: Path) -> None:
    Reader.objects.create(external_id="ann", languages=["es"], country="AR", attributes={"a": 1}, created_at=NOW)
    write_csv(folder, "ann,a,click,2026-02-02T08:00:00Z")
    (folder / "readers.jsonl").write_text('{"external_id": "ann", "country": "UY", "attributes": {"b": 2}}\n')
    assert "0 readers made, 1 updated" in imported(folder)
    ann = Reader.objects.get()
    assert (ann.languages, ann.country, ann.attributes) == (["es"], "UY", {"a": 1, "b": 2})


def test_of_a_reader_told_twice_the_first_counts(folder: Path) -> None:
    write_csv(folder, "ann,a,click,2026-02-02T08:00:00Z")
    (folder / "readers.csv").write_text("external_id,country\nann,CH\nann,AT\n")
    imported(folder)
    imported(folder)
    assert Reader.objects.get().country == "CH"


@pytest.mark.database
def test_a_second_import_finds_all_of_it_there(folder: Path) -> None:
    write_csv(
        folder,
        "ann,a,click,2026-02-02T08:00:00Z",
        "ann,a,like,2026-02-02T08:00:00Z",
        "ann,a,like,2026-02-03T08:00:00Z",
        "ann,a,click,2026-02-04T08:00:00Z",
    )
    assert "4 interactions: 4 new" in imported(folder, "--shift-to-now")
    before = log()
    assert "4 interactions: 0 new, 4 already there" in imported(folder, "--shift-to-now")
    assert log() == before


def test_a_state_told_again_begins_anew_and_clicks_add_up(folder: Path) -> None:
    write_csv(
        folder,
        "ann,a,click,2026-02-02T08:00:00Z",
        "ann,a,click,2026-02-03T08:00:00Z",
        "ann,a,save,2026-02-02T08:00:00Z",
        "ann,a,save,2026-02-03T08:00:00Z",
    )
    imported(folder)
    tuesday = MONDAY + timedelta(days=1)
    assert sorted(row[2:] for row in log() if row[2] == "click") == [("click", MONDAY, None), ("click", tuesday, None)]
    assert [row[2:] for row in log() if row[2] == "save"] == [("save", MONDAY, tuesday), ("save", tuesday, None)]


def test_no_item_is_published_after_it_was_chosen(folder: Path) -> None:
    write_csv(folder, "ann,a,click,2025-06-01T00:00:00Z", "ann,b,click,2026-02-02T08:00:00Z")
    imported(folder)
    assert Item.objects.get(external_id="a").published_at == datetime(2025, 6, 1, tzinfo=UTC)
    assert Item.objects.get(external_id="b").published_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_shifting_never_moves_a_history_back(folder: Path) -> None:
    minute_ago = NOW - timedelta(minutes=1)
    write_csv(folder, f"ann,a,click,{minute_ago.isoformat()}")
    imported(folder, "--shift-to-now")
    assert log()[0][3] == minute_ago


def test_bad_rows_are_set_aside_with_the_reason(folder: Path) -> None:
    write_csv(
        folder,
        "ann,a,click,,2026-02-02T08:00:00Z",
        "ann,a,adore,,2026-02-02T08:00:00Z",
        "ann,a,,,2026-02-02T08:00:00Z",
        "ann,a,,7,2026-02-02T08:00:00Z",
        "ann,a,,nan,2026-02-02T08:00:00Z",
        "ann,a,,much,2026-02-02T08:00:00Z",
        ",a,click,,2026-02-02T08:00:00Z",
        "ann,a,click,,yesterday",
        "ann,a,click,,",
        "ann,a,click,,2099-01-01",
        "ann,zz,click,,2026-02-02T08:00:00Z",
        "ann,a,click,,1770019200000",
        header="reader,item,kind,rating,time",
    )
    output = imported(folder)
    assert "1 interactions: 1 new" in output
    rejects = sorted(read_rejects(Path("history-items.rejects.jsonl")), key=lambda row: row["line"])
    assert [(row["line"], row["reason"].partition(":")[0]) for row in rejects] == [
        (3, "not a kind of interaction"),
        (4, "required field missing"),
        (5, "not a rating"),
        (6, "not a rating"),
        (7, "wrong type"),
        (8, "required field missing"),
        (9, "not a usable date"),
        (10, "required field missing"),
        (11, "not a usable date"),
        (12, "item that is not in the catalogue"),
        (13, "not a usable date"),
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "no history beside the items"),
        (("interactions.csv", "interactions.parquet"), "only one can count"),
    ],
)
def test_a_folder_without_one_clear_history_is_refused(folder: Path, names: tuple[str, ...], said: str) -> None:
    for name in names:
        (folder / name).write_text("reader,item,kind,time\n")
    with pytest.raises(CommandError, match=said) as caught:
        imported(folder)
    assert caught.value.returncode == 1


def test_a_history_without_a_needed_column_is_refused(folder: Path) -> None:
    write_csv(folder, "ann,a,5", header="reader,item,rating")
    with pytest.raises(CommandError, match="no column time"):
        imported(folder)


def test_items_of_another_source_bring_readers_of_another_name(folder: Path) -> None:
    write_csv(folder, "ann,a,click,2026-02-02T08:00:00Z")
    imported(folder, "--source", "shop")
    assert Reader.objects.get().external_id == "shop:ann"
