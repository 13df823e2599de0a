"""What every benchmark hands back, and how it is shown: a readable table, then one line of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Goal:
    """One promise and how it was kept. `goal` says it in words, such as "at least 0.4"."""

    name: str
    value: float
    goal: str
    met: bool


def at_least(name: str, value: float, limit: float) -> Goal:
    return Goal(name, round(value, 4), f"at least {limit:g}", value >= limit)


def at_most(name: str, value: float, limit: float) -> Goal:
    return Goal(name, round(value, 4), f"at most {limit:g}", value <= limit)


@dataclass(frozen=True)
class Report:
    """results: plain JSON values, numbers with their unit in the name.  table: a header row, then rows of texts."""

    benchmark: str
    seeds: list[int]
    results: dict[str, Any]
    goals: list[Goal]
    table: list[Sequence[str]] = field(default_factory=list)

    @property
    def met(self) -> bool:
        return all(goal.met for goal in self.goals)

    def text(self) -> str:
        goals = [(goal.name, f"{goal.value:g}", goal.goal, "met" if goal.met else "MISSED") for goal in self.goals]
        parts = [aligned(self.table), aligned([("goal", "measured", "wanted", ""), *goals])]
        return "\n\n".join(part for part in parts if part)

    def json_line(self) -> str:
        return json.dumps(
            {
                "benchmark": self.benchmark,
                "revision": revision(),
                "cpus": cpus(),
                "seeds": self.seeds,
                "results": self.results,
                "goals": [asdict(goal) for goal in self.goals],
            },
            allow_nan=False,
        )


def aligned(rows: list[Sequence[str]]) -> str:
    """Columns as wide as their widest text: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def progress(message: str) -> None:
    """Say on stderr what is being done, so that stdout holds nothing but the result."""
    print(message, file=sys.stderr, flush=True)


def cpus() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def revision() -> str:
    """The commit, with `-dirty` for changes on top; `unknown` outside a checkout."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return shown.stdout.strip()
