"""Lines of a text file that somebody else wrote: of any length, in any encoding, with or without a byte order mark."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from catalog.importers.records import EXCERPT_CHARS, BadRecord, CatalogFileError, ReadingMeter, Reason, RowError

MAX_LINE_BYTES = 4 * 1024 * 1024
"""More than any acceptable row needs. A longer line is passed over without ever being held in memory."""

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_LINES_A_METER_READING = 500


class Line(NamedTuple):
    number: int
    text: str


def read_lines(path: Path, meter: ReadingMeter, *, encoding: str = "utf-8") -> Iterator[Line | BadRecord]:
    """Every line, blank ones too, with its line break; `.gz` files are unpacked on the way.

    A line that is too long or does not decode comes as a BadRecord; the lines after it are not harmed.
    Raises CatalogFileError if the file is missing, empty, UTF-16 or cut short.
    """
    with _open(path, meter) as (file, raw):
        number = 0
        try:
            while chunk := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if number % _LINES_A_METER_READING == 0:
                    meter.done = raw.tell()
                yield _line(file, number, chunk, encoding)
        except (EOFError, OSError, zlib.error) as error:
            raise CatalogFileError(
                f"{path}: cannot be read beyond line {number}: {error}. Fetch the file again."
            ) from error
        meter.done = meter.total


@contextmanager
def _open(path: Path, meter: ReadingMeter) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The text as bytes, past its byte order mark, and the file below it, whose position tells how far we are."""
    check_is_file(path)
    meter.total = path.stat().st_size
    with path.open("rb") as raw:
        file = cast(
            BinaryIO, io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=raw))) if path.suffix == ".gz" else raw
        )
        try:
            beginning = cast(io.BufferedReader, file).peek(64)[:64]
        except (EOFError, OSError, zlib.error) as error:
            raise CatalogFileError(f"{path}: is no gzip file ({error}). Unpack or rename it.") from error
        _check_is_utf8_like(path, beginning)
        if beginning.startswith(_UTF8_MARK):
            file.read(len(_UTF8_MARK))
        yield file, raw


def check_is_file(path: Path) -> None:
    """Raises CatalogFileError if there is no readable file with something in it."""
    if path.is_dir():
        raise CatalogFileError(f"{path}: is a folder. Name the file in it, or choose --format movielens or goodbooks.")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        raise CatalogFileError(f"{path}: no such file. Check the path.") from error
    except OSError as error:
        raise CatalogFileError(f"{path}: cannot be opened: {error.strerror}.") from error
    if empty:
        raise CatalogFileError(f"{path}: is empty, so there is nothing to import.")


def _check_is_utf8_like(path: Path, beginning: bytes) -> None:
    if not beginning:
        raise CatalogFileError(f"{path}: is empty, so there is nothing to import.")
    # Without a mark, plain text in UTF-16 or UTF-32 gives itself away by a NUL in nearly every character.
    if beginning.startswith(_UTF16_MARKS) or beginning.count(0) * 3 >= len(beginning) > 3:
        raise CatalogFileError(
            f"{path}: is UTF-16 or UTF-32, but must be UTF-8. Convert it: iconv -f UTF-16 -t UTF-8 OLD > NEW"
        )


def _line(file: BinaryIO, number: int, chunk: bytes, encoding: str) -> Line | BadRecord:
    if len(chunk) > MAX_LINE_BYTES and not chunk.endswith(b"\n"):
        length = len(chunk) + _pass_over_rest(file)
        error = RowError(Reason.LINE_TOO_LONG, f"{length:,} bytes, {MAX_LINE_BYTES:,} is the most")
        return BadRecord(number, error, chunk[: EXCERPT_CHARS * 4].decode(encoding, "replace"))
    try:
        return Line(number, chunk.decode(encoding))
    except UnicodeDecodeError as problem:
        detail = f"byte 0x{chunk[problem.start]:02X} at position {problem.start + 1}; save the file as UTF-8"
        return BadRecord(number, RowError(Reason.NOT_UTF8, detail), chunk.decode(encoding, "replace"))


def _pass_over_rest(file: BinaryIO) -> int:
    """Read to the end of the line and forget it. Returns how many bytes that was."""
    length = 0
    while chunk := file.readline(MAX_LINE_BYTES):
        length += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return length
