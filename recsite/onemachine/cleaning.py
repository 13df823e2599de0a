"""Remove what a demo keeps."""

from __future__ import annotations

import shutil
from pathlib import Path

from recsite.onemachine import postgres
from recsite.onemachine.errors import CannotStart
from recsite.onemachine.var_folder import VarFolder


def remove(var: Path) -> None:
    """Remove the folder `var` and, where PostgreSQL's files had to live elsewhere, that folder too.

    Raises CannotStart while a demo runs in it, and for a folder that no demo ever ran in.
    """
    if not any((var / kept).exists() for kept in ("lock", "demo.env")):
        if not var.exists() or not any(path for path in var.iterdir() if path.name != "metrics"):
            return
        raise CannotStart(f"{var} was not made by a demo, so it is left alone. Remove it by hand if you mean it.")
    VarFolder(var).lock("being removed")
    elsewhere = postgres.recorded_home(var / "postgres")
    if elsewhere is not None:
        shutil.rmtree(elsewhere)
    shutil.rmtree(var)
