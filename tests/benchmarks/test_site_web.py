from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from benchmarks.site_web import TRAINED_UNTIL, Web, own_mib, peak_mib, resident_mib, wait_until


class OneWorker(Web):
    def workers(self) -> list[int]:
        return [os.getpid()]


def test_a_worker_says_by_its_gauge_what_it_serves_with(tmp_path: Path) -> None:
    running = OneWorker(port=0, pid=0, metrics=tmp_path)
    assert running.gauges(TRAINED_UNTIL) == [None]
    said = MmapedDict(str(tmp_path / f"gauge_livemin_{os.getpid()}.db"))
    said.write_value(mmap_key(TRAINED_UNTIL, TRAINED_UNTIL, [], [], ""), 7.0, 0.0)
    said.close()
    assert running.gauges(TRAINED_UNTIL) == [7.0]
    assert running.all_say(TRAINED_UNTIL, 7.0)()
    assert not running.all_say(TRAINED_UNTIL, 8.0)()


def test_waiting_in_vain_says_for_what() -> None:
    with pytest.raises(RuntimeError, match="for a miracle"):
        wait_until(lambda: False, "for a miracle", deadline_s=0)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
def test_memory_of_a_process_is_read_from_proc() -> None:
    pid = os.getpid()
    assert 0 < own_mib(pid) <= resident_mib(pid) * 1.05
    assert resident_mib(pid) <= peak_mib(pid)
