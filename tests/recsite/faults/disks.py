"""File systems of a size that a test chooses."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_ROOMY_KIB = 64 * 1024


@dataclass(frozen=True)
class Disk:
    folder: Path

    @classmethod
    @contextmanager
    def mounted(cls, folder: Path) -> Iterator[Disk]:
        """A roomy one until the block ends. Skips the test where none can be mounted."""
        folder.mkdir(parents=True)
        disk = cls(folder)
        if os.geteuid() != 0 or disk._mount():
            pytest.skip("only root may mount a file system")
        try:
            yield disk
        finally:
            subprocess.run(["umount", str(folder)], check=True)

    def fill_up(self, *, free_kib: int = 0) -> None:
        """Leave room for no more than this."""
        found = os.statvfs(self.folder)
        used_kib = (found.f_blocks - found.f_bfree) * found.f_frsize // 1024
        self._mount(remount=True, kib=used_kib + free_kib)

    def make_room(self) -> None:
        self._mount(remount=True)

    def _mount(self, *, remount: bool = False, kib: int = _ROOMY_KIB) -> int:
        options = f"{'remount,' if remount else ''}size={kib}k"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        return subprocess.run(command, check=remount, capture_output=True).returncode
