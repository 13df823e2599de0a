from __future__ import annotations

import pkgutil
import subprocess
import sys

import recsite.funnel

MODULES = sorted(module.name for module in pkgutil.walk_packages(recsite.funnel.__path__, "recsite.funnel."))


def test_asking_a_funnel_loads_nothing_that_only_training_needs() -> None:
    """Django is loaded by `recsite` itself, which begins with Celery; import-linter holds the funnel's own walls."""
    code = "import sys\n" + "".join(f"import {name}\n" for name in MODULES) + "print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"torch", "onnx", "lightgbm", "implicit", "pandas", "sklearn", "polars", "catalog", "feedback"}
