from __future__ import annotations

from pathlib import Path

import pytest

from catalog.importers.csv_files import MAX_RECORD_CHARS, read_csv
from catalog.importers.records import BadRecord, CatalogFileError, ReadingMeter, Reason, Record


def records_of(tmp_path: Path, text: str | bytes) -> list[Record | BadRecord]:
    path = tmp_path / "items.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_csv(path, ReadingMeter()))


def titles(records: list[Record | BadRecord]) -> list[tuple[int, str]]:
    return [(record.line, record.fields["title"]) for record in records if isinstance(record, Record)]


def bad(records: list[Record | BadRecord]) -> list[tuple[int, Reason]]:
    return [(record.line, record.error.reason) for record in records if isinstance(record, BadRecord)]


def test_commas_quotes_and_line_breaks_inside_quotes(tmp_path: Path) -> None:
    records = records_of(tmp_path, 'external_id,title\n1,"Bread, salt\nand ""wine"""\n2,Plain\n')
    assert titles(records) == [(2, 'Bread, salt\nand "wine"'), (4, "Plain")]


def test_a_blank_line_is_no_row_but_inside_quotes_it_is_text(tmp_path: Path) -> None:
    records = records_of(tmp_path, 'external_id,title\n\n1,"One.\n\nTwo."\n\n2,Plain\n')
    assert titles(records) == [(3, "One.\n\nTwo."), (7, "Plain")]


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    records = records_of(tmp_path, b"\xef\xbb\xbfexternal_id,title\r\n1,Bread\r\n")
    assert titles(records) == [(2, "Bread")]


def test_a_row_with_another_number_of_columns_is_bad(tmp_path: Path) -> None:
    records = records_of(tmp_path, "external_id,title\n1,Bread,Salt\n2\n3,Wine\n")
    assert titles(records) == [(4, "Wine")]
    assert bad(records) == [(2, Reason.WRONG_COLUMN_COUNT), (3, Reason.WRONG_COLUMN_COUNT)]


def test_a_quote_that_is_never_closed_takes_no_neighbour_along(tmp_path: Path) -> None:
    records = records_of(tmp_path, 'external_id,title\n1,Bread\n2,"Salt\n3,"Wine"\n4,Oil\n')
    assert titles(records) == [(2, "Bread"), (4, "Wine"), (5, "Oil")]
    assert bad(records) == [(3, Reason.BAD_QUOTES)]


def test_a_quote_that_is_open_at_the_end_takes_no_neighbour_along(tmp_path: Path) -> None:
    records = records_of(tmp_path, 'external_id,title\n1,"Salt\n2,Wine\n3,Oil\n')
    assert titles(records) == [(3, "Wine"), (4, "Oil")]
    assert bad(records) == [(2, Reason.BAD_QUOTES)]


def test_an_open_quote_far_from_the_end_is_given_up(tmp_path: Path) -> None:
    others = "".join(f"{n},Wine {'x' * 1_000}\n" for n in range(2, 2 + 2 * MAX_RECORD_CHARS // 1_000))
    records = records_of(tmp_path, f'external_id,title\n1,"Salt\n{others}')
    assert len(titles(records)) == 2 * MAX_RECORD_CHARS // 1_000
    assert bad(records) == [(2, Reason.BAD_QUOTES)]


def test_a_line_in_another_encoding_inside_quotes_ends_the_row(tmp_path: Path) -> None:
    records = records_of(tmp_path, b'external_id,title\n1,"Salt\n2,caf\xe9\n3,Oil\n')
    assert titles(records) == [(4, "Oil")]
    assert bad(records) == [(2, Reason.BAD_QUOTES), (3, Reason.NOT_UTF8)]


def test_a_field_beyond_pythons_usual_limit_is_read(tmp_path: Path) -> None:
    records = records_of(tmp_path, f"external_id,title\n1,{'x' * 150_000}\n")
    assert [len(title) for _, title in titles(records)] == [150_000]


def test_missing_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogFileError, match="no column external_id; the header has id, title"):
        records_of(tmp_path, "id,title\n1,Bread\n")


def test_another_separator_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(CatalogFileError, match="separated by ';'; save it with commas"):
        records_of(tmp_path, "external_id;title\n1;Bread\n")


def test_a_column_may_not_stand_twice(tmp_path: Path) -> None:
    with pytest.raises(CatalogFileError, match="title more than once"):
        records_of(tmp_path, "external_id,title,title\n1,Bread,Salt\n")


@pytest.mark.parametrize("text", [b"\n\n", b"caf\xe9,title\n1,Bread\n", b'"external_id,title\n1,Bread\n'])
def test_a_file_without_a_readable_header_is_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(CatalogFileError):
        records_of(tmp_path, text)
