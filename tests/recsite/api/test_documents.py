"""docs/api.md promises what the code does: the same kinds, reasons and limits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feedback.event_forms import REASONS
from feedback.kinds import UNDOABLE
from recsite.api.events import EVENTS_BODY_MAX_BYTES
from recsite.api.routes import RECORDS_BODY_MAX_BYTES
from recsite.api.schemas import BROWSER_EVENTS_MAX, EVENT_KINDS, RECORDS_MAX, SERVER_EVENTS_MAX
from recsite.rate_limits import EVENTS_BY_READER

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "api.md").read_text()


def table(first_heading: str) -> list[list[str]]:
    """The rows of the table whose first column is called so."""
    rows = re.search(rf"^\| {first_heading} \|.*\n\| ---.*\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert rows is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows[1].splitlines()]


def test_the_kinds_are_those_that_are_accepted() -> None:
    rows = table("kind")
    assert [row[0].strip("`") for row in rows] == list(EVENT_KINDS)
    assert {row[0].strip("`") for row in rows if row[3] == "yes"} == UNDOABLE


def test_the_reasons_are_those_that_are_given() -> None:
    assert [row[0].strip("`") for row in table("reason")] == list(REASONS)


def test_every_problem_of_a_call_is_explained() -> None:
    explained = {reason for row in table("status") for reason in re.findall(r"`(\w+)`", row[1])}
    files = [*(ROOT / "recsite" / "api").glob("*.py"), ROOT / "recsite" / "pages" / "errors.py"]
    sources = "".join(path.read_text() for path in files)
    found = re.findall(r'(?:ApiProblem\(\s*\d+,|_unauthorized\(|_for_programs\(\d+,)\s*"(\w+)"', sources)
    given = {*found, "unavailable"}
    given |= {f"{prefix}_{name}" for prefix in ("no", "too_many") for name in ("events", "items", "readers")}
    assert explained == given


@pytest.mark.parametrize(
    "words",
    [
        f"| {BROWSER_EVENTS_MAX} events | {EVENTS_BODY_MAX_BYTES // 1024} KiB |",
        f"| {EVENTS_BY_READER.allowed} events a minute and reader |",
        f"| {SERVER_EVENTS_MAX:,} events | {EVENTS_BODY_MAX_BYTES // 1024} KiB |",
        f"| {RECORDS_MAX:,} records | {RECORDS_BODY_MAX_BYTES // 1024 // 1024} MiB |",
    ],
)
def test_the_limits_are_those_that_hold(words: str) -> None:
    assert words in TEXT
