"""Rows of releases for tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from recsite.models import Release
from recsite.releases.registry import create_candidate, promote
from tests.factories import NOW


def make_candidate(*, now: datetime = NOW, **fields: Any) -> Release:
    """A candidate whose files need not exist."""
    values: dict[str, Any] = {
        "retriever": "retriever-1",
        "retriever_sha256": "1" * 64,
        "ranker": "ranker-1",
        "ranker_sha256": "2" * 64,
        "retriever_since": now - timedelta(days=20),
        "retriever_until": now - timedelta(days=1),
        "code_version": "abc",
        "config": {},
        "report": {},
    }
    return create_candidate(now=now, **values | fields)


def make_live(*, now: datetime = NOW, **fields: Any) -> Release:
    return promote(make_candidate(now=now, **fields), by="test", reason="it is good", now=now)
