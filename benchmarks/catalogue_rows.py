"""Made-up catalogue rows of about 50 words, as a JSON lines file and, the same rows, as input for a bare COPY."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

NUM_TOPICS = 24
NUM_AUTHORS = 5_000
TITLE_WORDS = 7
SUMMARY_WORDS = 43
VOCABULARY = 40_000
ROWS_AT_ONCE = 2_000
NEWEST = datetime(2024, 1, 1, tzinfo=UTC)

COPY_COLUMNS = (
    *("id", "source", "external_id", "slug", "title", "summary", "body", "language", "author_id", "image", "link"),
    *("attributes", "published_at", "hidden", "created_at", "updated_at"),
)

# The commonest English words, in their order: a third of any text, and what a search vector leaves out.
_COMMON_WORDS = """
    the of and to a in for is on that by this with i you it not or be are from at as your all have new more an was
    we will home can us about if page my has search free but our one other do no information time they site he up
    may what which their news out use any there see only so his when contact here business who web also now help
"""
_ONSETS = (
    "b",
    "br",
    "c",
    "cl",
    "d",
    "dr",
    "f",
    "g",
    "gr",
    "h",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
)
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "oo")
_ENDS = ("", "n", "r", "l", "s", "st", "nd", "m", "t", "ck")


def write_rows(seed: int, num_rows: int, jsonl: Path, bare: Path) -> None:
    """Write `num_rows` rows twice, in the same order: to `jsonl`, and to `bare` in PostgreSQL's text format."""
    with jsonl.open("w", encoding="utf-8") as json_file, bare.open("w", encoding="utf-8") as bare_file:
        for number, row in enumerate(made_up_rows(seed, num_rows), start=1):
            json_file.write(json.dumps(row, ensure_ascii=False) + "\n")
            bare_file.write(bare_line(number, row))


def made_up_rows(seed: int, num_rows: int) -> Iterator[dict[str, Any]]:
    """Word frequencies follow Zipf's law, as in real text. The same seed gives the same rows, whatever their number."""
    rng = np.random.default_rng(seed)
    words = np.array(_vocabulary(rng), dtype=object)
    frequencies = 1 / np.arange(1, len(words) + 1)
    limits = np.cumsum(frequencies / frequencies.sum())
    for start in range(0, num_rows, ROWS_AT_ONCE):
        drawn = words[np.searchsorted(limits, rng.random((ROWS_AT_ONCE, TITLE_WORDS + SUMMARY_WORDS)))]
        numbers = rng.integers(0, 1 << 30, (ROWS_AT_ONCE, 5))
        for offset in range(min(ROWS_AT_ONCE, num_rows - start)):
            yield _row(start + offset + 1, list(drawn[offset]), numbers[offset].tolist())


def _row(number: int, words: list[str], numbers: list[int]) -> dict[str, Any]:
    topics = {f"Topic {n % NUM_TOPICS}": None for n in numbers[: 1 + numbers[2] % 3]}
    return {
        "external_id": f"item-{number}",
        "title": " ".join(words[:TITLE_WORDS]).capitalize(),
        "summary": " ".join(words[TITLE_WORDS:]).capitalize() + ".",
        "topics": list(topics),
        "author": f"Author {numbers[3] % NUM_AUTHORS}",
        "language": "en",
        "published_at": (NEWEST - timedelta(seconds=numbers[4] % 63_072_000)).isoformat(),
        "link": f"https://example.org/items/{number}",
        "attributes": {"minutes": numbers[4] % 40},
    }


def bare_line(number: int, row: dict[str, Any]) -> str:
    """A row in PostgreSQL's text format, of `COPY_COLUMNS`.

    No value here holds a tab, a line break or a backslash, so none needs escaping."""
    slug = f"{row['title'].lower().replace(' ', '-')}-{number}"
    author_id = str(1 + int(row["author"].split()[1]))
    moment = NEWEST.isoformat()
    values = (
        *(str(number), "site", row["external_id"], slug, row["title"], row["summary"], "", row["language"], author_id),
        *("", row["link"], json.dumps(row["attributes"]), row["published_at"], "f", moment, moment),
    )
    return "\t".join(values) + "\n"


def _vocabulary(rng: np.random.Generator) -> list[str]:
    parts = [rng.integers(0, len(choices), (VOCABULARY, 3)) for choices in (_ONSETS, _VOWELS, _ENDS)]
    syllables = rng.integers(1, 4, VOCABULARY)
    words = [
        "".join(_ONSETS[parts[0][n, k]] + _VOWELS[parts[1][n, k]] + _ENDS[parts[2][n, k]] for k in range(syllables[n]))
        for n in range(VOCABULARY)
    ]
    return [*_COMMON_WORDS.split(), *words]
