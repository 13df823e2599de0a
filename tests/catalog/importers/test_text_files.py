from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from catalog.importers.records import BadRecord, CatalogFileError, ReadingMeter, Reason
from catalog.importers.text_files import MAX_LINE_BYTES, Line, read_lines


def lines_of(path: Path) -> list[Line | BadRecord]:
    return list(read_lines(path, ReadingMeter()))


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_lines_are_numbered_from_one(tmp_path: Path) -> None:
    assert lines_of(written(tmp_path / "a", b"one\n\nthree")) == [Line(1, "one\n"), Line(2, "\n"), Line(3, "three")]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    assert lines_of(written(tmp_path / "a", b"\xef\xbb\xbfone\n")) == [Line(1, "one\n")]


def test_a_line_in_another_encoding_harms_no_other_line(tmp_path: Path) -> None:
    first, bad, last = lines_of(written(tmp_path / "a", b"one\ncaf\xe9\nthree\n"))
    assert (first, last) == (Line(1, "one\n"), Line(3, "three\n"))
    assert isinstance(bad, BadRecord)
    assert (bad.line, bad.error.reason) == (2, Reason.NOT_UTF8)
    assert "0xE9 at position 4" in bad.error.detail


def test_a_huge_line_is_passed_over(tmp_path: Path) -> None:
    huge = b"x" * (2 * MAX_LINE_BYTES + 10)
    bad, last = lines_of(written(tmp_path / "a", huge + b"\nafter\n"))
    assert last == Line(2, "after\n")
    assert isinstance(bad, BadRecord)
    assert bad.error.reason is Reason.LINE_TOO_LONG
    assert f"{len(huge) + 1:,} bytes" in bad.error.detail
    assert len(bad.source) < 10_000


def test_a_line_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    (line,) = lines_of(written(tmp_path / "a", b"x" * MAX_LINE_BYTES + b"\n"))
    assert isinstance(line, Line)


def test_a_packed_file_is_unpacked_on_the_way(tmp_path: Path) -> None:
    assert lines_of(written(tmp_path / "a.gz", gzip.compress(b"one\n"))) == [Line(1, "one\n")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf16_is_refused_with_the_cure(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(CatalogFileError, match="iconv -f UTF-16 -t UTF-8"):
        lines_of(written(tmp_path / "a", '{"external_id": "1"}\n'.encode(encoding)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogFileError, match=r"nowhere\.jsonl: no such file"):
        lines_of(tmp_path / "nowhere.jsonl")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(CatalogFileError, match="is a folder"):
        lines_of(tmp_path)


@pytest.mark.parametrize(("name", "content"), [("a", b""), ("a.gz", gzip.compress(b"", mtime=0))])
def test_an_empty_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(CatalogFileError, match="is empty"):
        lines_of(written(tmp_path / name, content))


def test_what_only_calls_itself_packed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogFileError, match="no gzip file"):
        lines_of(written(tmp_path / "a.gz", b"one\n"))


def test_the_meter_ends_at_the_files_size(tmp_path: Path) -> None:
    path = written(tmp_path / "a", b"one\n" * 2_000)
    meter = ReadingMeter()
    assert len(list(read_lines(path, meter))) == 2_000
    assert meter == ReadingMeter(done=8_000, total=8_000)
