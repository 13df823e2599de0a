from __future__ import annotations

from benchmarks.ranking_speed_tables import table
from benchmarks.report import aligned
from tests.benchmarks.test_ranking_speed import measured


def test_losses_and_gains_are_printed_beside_each_other() -> None:
    shown = aligned(table(measured(1.2, 1.5, 1e-6), {"lightgbm": 30.0}))
    first_pass = "100 trees x 31 leaves, 1,000 to 300, first 5 trees"
    [early] = [line.removeprefix(first_pass) for line in shown.splitlines() if line.startswith(first_pass)]
    assert early.split() == ["6.000", "0.750", "0.970", "0.6100", "-0.0100", "(-0.0200", "to", "+0.0000)"]
    mmr = "MMR, relevance 0.8"
    [diverse] = [line.removeprefix(mmr) for line in shown.splitlines() if line.startswith(mmr)]
    assert diverse.split() == ["0.400", "0.900", "+0.100", "5.0%", "0.5700", "-0.0300", "(-0.0400", "to", "-0.0200)"]
    assert "571.0" in shown
    assert "30.0 MiB" in shown
