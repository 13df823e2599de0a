"""What became of one record of a bulk call."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.importers.records import Reason, RowError
from catalog.importers.rows import EXTERNAL_ID_MAX_CHARS


@dataclass(frozen=True)
class RecordResult:
    """status: created, updated, unchanged or refused; reason: in words, of a refused one."""

    external_id: str | None
    status: str
    reason: str | None = None

    def as_json(self) -> dict[str, str | None]:
        answer = {"external_id": self.external_id, "status": self.status}
        return answer if self.reason is None else {**answer, "reason": self.reason}


def refused(record: object, error: RowError) -> RecordResult:
    """The result of a record that cannot be taken in, under the id that it was sent with."""
    given = record.get("external_id") if isinstance(record, dict) else None
    external_id = _fit(str(given))[:EXTERNAL_ID_MAX_CHARS] if type(given) in {str, int} else None
    return RecordResult(external_id, "refused", _fit(str(error)))


def repeated(first: int) -> RowError:
    """Why a record is refused whose external id came before, in record number `first`, counted from 0."""
    return RowError(Reason.REPEATED, f"first in record {first + 1} of this call")


def _fit(text: str) -> str:
    """What was sent may hold half a surrogate pair, which no UTF-8 can."""
    return text.encode("utf-8", "replace").decode("utf-8")
