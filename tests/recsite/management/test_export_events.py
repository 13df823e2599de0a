from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.factories import NOW, make_interaction, make_reader

pytestmark = pytest.mark.django_db(transaction=True)


def output_of(*arguments: object) -> str:
    output = io.StringIO()
    call_command("export_events", *map(str, arguments), stdout=output)
    return output.getvalue().strip()


def failure_of(*arguments: object) -> CommandError:
    with pytest.raises(CommandError) as caught:
        output_of(*arguments)
    return caught.value


def test_the_summary_counts_rows_and_files(tmp_path: Path) -> None:
    make_interaction(make_reader(), "search", query="q", happened_at=NOW)
    folder = tmp_path / "export"
    assert output_of("--out", folder) == f"{folder}: 1 interactions. 1 files written, 0 were there already."
    assert output_of("--out", folder).endswith("0 files written, 1 were there already.")


def test_nobody_watching_hears_nothing_but_the_summary(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    call_command("export_events", "--out", str(tmp_path))
    assert capfd.readouterr() == (f"{tmp_path}: no rows. 0 files written, 0 were there already.\n", "")


def test_one_reader_is_exported_by_external_id(tmp_path: Path) -> None:
    make_interaction(make_reader(external_id="shop:1"), "search", query="q")
    assert "1 interactions" in output_of("--out", tmp_path, "--reader", "shop:1")
    assert (tmp_path / "reader.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["--reader", "nobody"], 1, "no reader nobody"),
        (["--reader", "nobody", "--since", "2026-01-01"], 2, "leave out --since"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, arguments: list[str], code: int, reason: str) -> None:
    failure = failure_of("--out", tmp_path, *arguments)
    assert failure.returncode == code
    assert reason in str(failure)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    failure = failure_of("--out", tmp_path / "file")
    assert failure.returncode == 1
    assert f"{tmp_path / 'file'}" in str(failure)
