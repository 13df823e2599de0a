"""What a module of `retrieval` pulls in, seen in a fresh interpreter."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import retrieval

TO_TRAIN = {
    "towers",
    "losses",
    "objective",
    "train",
    "checkpoint",
    "spectral_start",
    "warm_start",
    "prior_towers",
    "validation",
    "export",
    "stage_training",
}
"""The modules that need torch."""
MODULES = sorted(module.name for module in pkgutil.walk_packages(retrieval.__path__, "retrieval."))


def loaded_by(names: list[str]) -> set[str]:
    code = "import sys\n" + "".join(f"import {name}\n" for name in names) + "print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in told.stdout.split()}


def test_no_module_knows_django_or_the_site() -> None:
    assert not loaded_by(MODULES) & {"django", "recsite", "catalog", "feedback", "ranking", "benchmarks"}


def test_serving_loads_neither_torch_nor_what_only_training_needs() -> None:
    serving = [name for name in MODULES if name.removeprefix("retrieval.") not in TO_TRAIN]
    assert not loaded_by(serving) & {"torch", "onnx", "onnxscript", "implicit", "polars", "pandas"}


@pytest.mark.parametrize("name", sorted(TO_TRAIN))
def test_the_list_of_training_modules_is_true(name: str) -> None:
    assert f"retrieval.{name}" in MODULES
