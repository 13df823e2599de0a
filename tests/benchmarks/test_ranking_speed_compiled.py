from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ranking_speed_compiled
from benchmarks.ranking_speed_compiled import COMPILER, compiled_trees
from tests.ranking.test_onnx_trees import labels_of, table, trained


@pytest.mark.skipif(shutil.which(COMPILER) is None, reason="there is no C compiler")
def test_compiled_trees_send_every_row_where_lightgbm_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    features = table(rng)
    booster = trained(features, labels_of(features, rng), [0, 1])
    compiled = compiled_trees(booster.model_to_string(), tmp_path)
    assert compiled is not None
    np.testing.assert_allclose(compiled(features), booster.predict(features), rtol=1e-5, atol=1e-5)


def test_without_a_compiler_there_is_nothing_to_compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_speed_compiled, "COMPILER", "no-such-compiler")
    assert compiled_trees("", tmp_path) is None
