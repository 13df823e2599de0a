"""ADBC's driver of PostgreSQL without what it would load beside itself.

It imports polars and pyarrow.dataset wherever they are installed, for conversions that nobody here asks of it: 50 MB of
every web process. Whoever needs them imports them as ever.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    """Inside, importing one of them fails, as where it is not installed."""
    before = {name: sys.modules[name] for name in names if name in sys.modules}
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(before)


with _hidden("polars", "pyarrow.dataset"):
    from adbc_driver_postgresql import dbapi

__all__ = ["dbapi"]
