"""Refuse what ruff's banned imports cannot see: columns that stamp themselves, and SQL that asks the database for
the time."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("recsite", "feedback", "catalog", "ranking", "retrieval")
FORBIDDEN = {
    re.compile(r"\bauto_now(_add)?\s*="): "a column that stamps itself",
    re.compile(
        r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp)\(\)", re.IGNORECASE
    ): "SQL's own clock",
    re.compile(r"\bCURRENT_(TIMESTAMP|DATE|TIME)\b"): "SQL's own clock",
    re.compile(r"default\s*=\s*timezone\.now"): "a default that reads the clock",
}
ALLOWED = {ROOT / "recsite" / "clock.py"}
CALLS_OF_OURS = re.compile(r"\bclock\.now\(\)")


def offences(path: Path) -> list[str]:
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        rest = CALLS_OF_OURS.sub("", line)
        found += [
            f"{path.relative_to(ROOT)}:{number}: {what}. Take `now` as an argument; recsite/clock.py reads the time."
            for pattern, what in FORBIDDEN.items()
            if pattern.search(rest)
        ]
    return found


def main() -> int:
    paths = [path for floor in FLOORS for path in (ROOT / floor).rglob("*.py") if path not in ALLOWED]
    found = [offence for path in paths for offence in offences(path)]
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
