"""What is kept of a release, as flat names and texts: to be printed, shown, and held against another's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from recsite.models import Release

_COLUMNS = ("retriever", "ranker", "retriever_until", "ranker_until", "gate_since", "gate_until", "code_version")


def flat(values: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every value of nested JSON with the way to it, such as `ndcg_at_10.funnel`; lists stay whole."""
    if not isinstance(values, dict):
        yield name, values if isinstance(values, str) else json.dumps(values, ensure_ascii=False)
        return
    for key, value in values.items():
        yield from flat(value, f"{name}.{key}" if name else str(key))


def differences(one: Release, other: Release) -> Iterator[tuple[str, str, str]]:
    """What is said of the two where they do not say the same; "-" where one says nothing."""
    left, right = (dict(flat(_said_of(release))) for release in (one, other))
    for name in sorted({*left, *right}):
        said = left.get(name, "-"), right.get(name, "-")
        if said[0] != said[1]:
            yield name, *said


def relative_change(left: str, right: str) -> float | None:
    """By how much a number changed, as a share of what it was; None for what is no number, or was 0."""
    try:
        was, now = float(left), float(right)
    except ValueError:
        return None
    return (now - was) / abs(was) if was else None


def _said_of(release: Release) -> dict[str, Any]:
    columns = {name: str(getattr(release, name)) for name in _COLUMNS}
    return {**columns, "config": release.config, "report": release.report}
