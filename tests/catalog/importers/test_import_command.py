from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Item
from tests.catalog.importers.running import JsonlWriter, read_rejects, row

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def output_of(*arguments: object, **options: Any) -> str:
    output = io.StringIO()
    call_command("import_catalog", *map(str, arguments), stdout=output, **options)
    return output.getvalue().strip()


def failure_of(*arguments: object) -> CommandError:
    with pytest.raises(CommandError) as caught:
        output_of(*arguments)
    return caught.value


def test_the_summary_counts_what_happened(jsonl: JsonlWriter) -> None:
    path = jsonl(row("1"), row("2"), "{")
    expected = "3 rows read: 2 created, 0 updated, 0 unchanged, 1 rejected (see items.rejects.jsonl)."
    assert output_of("--format", "jsonl", path) == expected
    assert [reject["line"] for reject in read_rejects(Path("items.rejects.jsonl"))] == [3]


def test_nothing_but_the_summary_is_printed_when_nobody_watches(
    jsonl: JsonlWriter, capfd: pytest.CaptureFixture[str]
) -> None:
    call_command("import_catalog", str(jsonl(row())))
    assert capfd.readouterr() == ("1 rows read: 1 created, 0 updated, 0 unchanged, 0 rejected.\n", "")


def test_the_format_is_guessed_from_the_name(tmp_path: Path) -> None:
    path = tmp_path / "items.CSV"
    path.write_text("external_id,title\n1,Bread\n")
    output_of(path)
    assert Item.objects.get().title == "Bread"


def test_a_name_that_tells_no_format_is_a_wrong_usage(tmp_path: Path) -> None:
    failure = failure_of(tmp_path / "items.txt")
    assert failure.returncode == 2
    assert "Say --format csv, goodbooks, jsonl, movielens, parquet." in str(failure)


def test_the_source_and_the_time_can_be_given(jsonl: JsonlWriter) -> None:
    output_of(jsonl(row()), "--source", "shop", "--now", "2020-01-01T00:00:00Z")
    item = Item.objects.get()
    assert (item.source, item.created_at.isoformat()) == ("shop", "2020-01-01T00:00:00+00:00")


def test_a_missing_file_stops_with_1_and_says_so(tmp_path: Path) -> None:
    failure = failure_of("--format", "jsonl", tmp_path / "nowhere.jsonl")
    assert failure.returncode == 1
    assert "no such file" in str(failure)
    assert "Nothing was imported." in str(failure)


def test_too_many_rejects_stop_with_1_and_say_what_is_kept(jsonl: JsonlWriter) -> None:
    path = jsonl(row("1"), row("2"), "{", row("3"))
    failure = failure_of(path, "--max-rejects", "0", "--batch-size", "1")
    assert failure.returncode == 1
    assert "the limit is 0" in str(failure)
    assert "2 whole batches are kept (2 created, 0 updated)" in str(failure)


def test_the_rejects_may_not_overwrite_the_catalogue(jsonl: JsonlWriter) -> None:
    path = jsonl(row())
    assert failure_of(path, "--rejects", path).returncode == 2
    assert path.read_text()


def test_a_rejects_file_that_cannot_be_written_is_named(jsonl: JsonlWriter, tmp_path: Path) -> None:
    failure = failure_of(jsonl("{"), "--rejects", tmp_path / "no-such-folder" / "bad.jsonl")
    assert "no-such-folder/bad.jsonl: cannot be written" in str(failure)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--max-rejects", "-1"), ("--batch-size", "0"), ("--now", "soon"), ("--source", "x" * 41), ("--format", "xml")],
)
def test_a_bad_option_is_a_wrong_usage(jsonl: JsonlWriter, option: str, value: str) -> None:
    with pytest.raises(CommandError):
        output_of(jsonl(row()), f"{option}={value}")
