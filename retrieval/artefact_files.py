"""Folders that are written once: files first, their checksums last, and the name when all is on disk."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

MANIFEST = "manifest.json"


class ArtefactError(Exception):
    """These files, or these values, are no retriever that this code can serve."""


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """A new folder of what `write` puts into the one it is given; folders within it are part of it.

    Raises FileExistsError for a folder that is there already: artefacts are never edited.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} is there already; a retriever is written once, into a folder of its own.")
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    write(unfinished)
    checksums = {path.relative_to(unfinished).as_posix(): _checksum(path) for path in _files(unfinished)}
    (unfinished / MANIFEST).write_text(json.dumps({"sha256": checksums}, indent=1))
    for path in _files(unfinished):
        _to_disk(path)
    os.rename(unfinished, folder)
    _to_disk(folder.parent)


def check_folder(folder: Path) -> None:
    """Raises `ArtefactError` for a folder that is incomplete, or whose files are not those that were written."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise ArtefactError(f"{folder} has no {MANIFEST}, so it was never finished. Remove it, or train again.")
    for name, expected in _checksums(manifest).items():
        path = folder / name
        if not path.is_file() or _checksum(path) != expected:
            raise ArtefactError(f"{path} is missing or not what was written. Take another release, or train again.")


def _checksums(manifest: Path) -> dict[str, str]:
    try:
        checksums: dict[str, str] = json.loads(manifest.read_text())["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise ArtefactError(f"{manifest} is damaged ({error}). Take another release, or train again.") from error
    return checksums


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
