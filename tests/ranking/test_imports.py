"""What a module of `ranking` pulls in, seen in a fresh interpreter."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ranking
from ranking.artefact import save
from ranking.train import train_ranker
from tests.ranking.visit_worlds import FAST, FEATURE_SET, SINCE, UNTIL, position_biased_log

TO_TRAIN = {"click_training", "fitting", "onnx_export", "onnx_trees", "train"}
"""The modules that need lightgbm or onnx at once."""
MODULES = sorted(module.name for module in pkgutil.walk_packages(ranking.__path__, "ranking."))
SERVES_WITHOUT = {"lightgbm", "onnx", "torch", "pandas", "sklearn", "scipy", "polars", "django"}

SCORES = """
import sys
from pathlib import Path
import numpy as np
from ranking.artefact import load
artefact = load(Path({folder!r}))
features = np.load({features!r})
artefact.order.scores(features)
print(*sys.modules)
artefact.order.contributions(features)
artefact.click_model.probabilities(features)
print(*sys.modules)
"""


def told(code: str) -> list[set[str]]:
    """What packages were loaded, each time that the code printed it."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [{name.partition(".")[0] for name in line.split()} for line in done.stdout.splitlines()]


def loaded_by(names: list[str]) -> set[str]:
    return told("import sys\n" + "".join(f"import {name}\n" for name in names) + "print(*sys.modules)")[0]


def test_no_module_not_even_to_train_knows_django_the_site_or_torch() -> None:
    outside = {"django", "recsite", "catalog", "feedback", "retrieval", "benchmarks", "torch", "polars"}
    assert not loaded_by(MODULES) & outside


def test_serving_loads_nothing_that_only_training_needs() -> None:
    serving = [name for name in MODULES if name.removeprefix("ranking.") not in TO_TRAIN]
    assert not loaded_by(serving) & SERVES_WITHOUT


@pytest.mark.parametrize("name", sorted(TO_TRAIN))
def test_the_list_of_training_modules_is_true(name: str) -> None:
    assert f"ranking.{name}" in MODULES
    assert loaded_by([f"ranking.{name}"]) & {"lightgbm", "onnx"}


def test_scoring_with_an_artefact_loads_lightgbm_only_when_contributions_are_asked_for(tmp_path: Path) -> None:
    log, _ = position_biased_log(200, 6, explored=0.5, seed=0, truth=(0, 2))
    save(train_ranker([log], FAST, since=SINCE, until=UNTIL, feature_set=FEATURE_SET), tmp_path / "ranker")
    np.save(tmp_path / "features.npy", log.features)
    scored, explained = told(SCORES.format(folder=str(tmp_path / "ranker"), features=str(tmp_path / "features.npy")))
    assert not scored & SERVES_WITHOUT
    assert "lightgbm" in explained
