from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.importers.running import JsonlWriter, write_jsonl


@pytest.fixture
def jsonl(tmp_path: Path) -> JsonlWriter:
    """Writes items.jsonl with these lines and returns its path."""

    def write(*rows: Mapping[str, Any] | str | bytes) -> Path:
        return write_jsonl(tmp_path / "items.jsonl", rows)

    return write
