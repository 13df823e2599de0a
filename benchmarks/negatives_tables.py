"""python -m benchmarks.negatives_tables FILE: as Markdown what `python -m benchmarks negatives --json > FILE` found."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HEADER = (
    "choice",
    "columns",
    "NDCG@10",
    "less reference",
    "Recall@100",
    "less reference",
    "popularity bias",
    "seed spread",
    "s",
    "equal time: epochs",
    "NDCG@10",
    "less reference",
)
"""Up to the seconds for equal examples. A difference stands with its 95% interval; * where it is one by Holm."""

EXAMPLES, TIME = "equal examples", "equal time"


def table(results: Mapping[str, Any]) -> list[Sequence[str]]:
    """results: as the benchmark's JSON has them. A header, a row for each choice and number of columns, then rows that
    are compared with another row than the reference."""
    told = results["comparisons"]
    by_row = {
        (one["name"], one["columns"], one["budget"], one["metric"]): one
        for one in told
        if one["against"] == results["reference"]
    }
    apart = [one for one in told if one["against"] != results["reference"] and one["budget"] == EXAMPLES]
    lines: list[Sequence[str]] = [HEADER, *(_line(row, by_row) for row in results["rows"])]
    for one in apart:
        if one["metric"] == "ndcg@10":
            others = {
                (other["budget"], other["metric"]): _difference(other)
                for other in told
                if all(other[key] == one[key] for key in ("name", "against", "columns"))
            }
            lines.append(_head_to_head(one, others))
    return lines


def markdown(lines: Sequence[Sequence[str]]) -> str:
    header, *rows = lines
    ruled = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in ruled)


def _line(row: Mapping[str, Any], by_row: Mapping[tuple[str, int, str, str], Mapping[str, Any]]) -> Sequence[str]:
    def less(budget: str, metric: str) -> str:
        return _difference(by_row.get((row["choice"], row["columns"], budget, metric)))

    examples, time = row[EXAMPLES], row[TIME]
    spread = examples["ndcg@10_seed_spread"]
    return (
        row["choice"],
        str(row["columns"] or "all"),
        f"{examples['ndcg@10']:.4f}",
        less(EXAMPLES, "ndcg@10"),
        f"{examples['recall@100']:.4f}",
        less(EXAMPLES, "recall@100"),
        f"{examples['popularity_bias']:.2f}",
        "" if spread is None else f"{spread:.4f}",
        f"{row['train_s']:.1f}",
        str(time["epochs"]),
        f"{time['ndcg@10']:.4f}",
        less(TIME, "ndcg@10"),
    )


def _head_to_head(one: Mapping[str, Any], others: Mapping[tuple[str, str], str]) -> Sequence[str]:
    return (
        f"{one['name']} less {one['against']}",
        str(one["columns"]),
        "",
        others[EXAMPLES, "ndcg@10"],
        "",
        others[EXAMPLES, "recall@100"],
        "",
        "",
        "",
        "",
        "",
        others[TIME, "ndcg@10"],
    )


def _difference(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return ""
    sure = "" if one["verdict"] == "cannot tell" else " *"
    return f"{one['mean']:+.4f} ({one['low']:+.4f} to {one['high']:+.4f}){sure}"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.negatives_tables", description=__doc__)
    parser.add_argument(
        "output", metavar="FILE", type=Path, help="what `python -m benchmarks negatives --json` printed"
    )
    last = parser.parse_args(arguments).output.read_text().splitlines()[-1]
    print(markdown(table(json.loads(last)["results"])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
