"""The rejects file: each bad row with its line number and the reason, as JSON lines."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import TextIO

from catalog.importers.records import CatalogFileError, RowError


class TooManyRejects(CatalogFileError):
    """More rows were bad than the caller accepts."""


class RejectsFile:
    """Counts rejected rows and writes them down. The file appears with the first one; an earlier run's is replaced."""

    def __init__(self, path: Path, *, max_rejects: int) -> None:
        self.path = path
        self.max_rejects = max_rejects
        self.reasons: Counter[str] = Counter()
        self._file: TextIO | None = None

    def __enter__(self) -> RejectsFile:
        if self.path.is_file():
            self.path.unlink()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, line: int, error: RowError, excerpt: str, *, file: str = "") -> None:
        """Write one down. `file`: which one, where rows come from several. Raises TooManyRejects when that is one more
        than accepted."""
        if self._file is None:
            self._file = self._open()
        place: dict[str, object] = {"file": file, "line": line} if file else {"line": line}
        entry = place | {"reason": str(error), "row": excerpt}
        self._file.write(_fit(json.dumps(entry, ensure_ascii=False)) + "\n")
        self._file.flush()
        self.reasons[error.reason] += 1
        if self.count > self.max_rejects:
            where = f"line {line} of {file}" if file else f"line {line}"
            reason, times = self.reasons.most_common(1)[0]
            raise TooManyRejects(
                f"Stopped at {where}: {self.count:,} rows are bad and the limit is {self.max_rejects:,}. "
                f"Most often: {reason} ({times:,} times). See {self.path}, mend the file, or raise --max-rejects."
            )

    @property
    def count(self) -> int:
        return self.reasons.total()

    def _open(self) -> TextIO:
        try:
            return self.path.open("w", encoding="utf-8")
        except OSError as error:
            raise CatalogFileError(
                f"{self.path}: cannot be written ({error.strerror}), and a row is bad. Name another with --rejects."
            ) from error


def _fit(text: str) -> str:
    """A reason may quote a lone surrogate, which no UTF-8 file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
