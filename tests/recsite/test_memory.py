from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from recsite.memory import give_back

MIB = 2**20


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="asks Linux what is resident")
def test_what_lies_freed_between_what_is_used_goes_back_to_the_machine() -> None:
    process = psutil.Process()
    blocks = [bytes([number % 256]) * 2_000 for number in range(50_000)]
    kept = blocks[::100]
    del blocks
    before = process.memory_info().rss
    give_back()
    assert process.memory_info().rss < before - 50 * MIB
    assert len(kept) == 500
