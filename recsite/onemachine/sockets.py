"""How long the path of a Unix socket may be: a limit of the kernel, and short."""

from __future__ import annotations

import sys
from pathlib import Path

from recsite.onemachine.errors import CannotStart

PATH_MAX_BYTES = 107 if sys.platform == "linux" else 103


def require_short(socket: Path, *, room: int = 0) -> None:
    """Raise CannotStart unless `socket` fits with `room` bytes to spare (some servers bind a longer name first)."""
    length = len(bytes(socket)) + room
    if length > PATH_MAX_BYTES:
        raise CannotStart(
            f"The socket {socket} needs a path of {length} bytes and the system allows {PATH_MAX_BYTES}. "
            "Name a shorter folder, for example: make demo VAR_DIR=/tmp/recsite"
        )
