"""Where trained files lie: folders under one address, written once, each with a manifest that makes it whole.

The address may be a folder of this machine or anything else that fsspec knows, such as an S3 bucket. Readers work on
copies in a local cache, found by the checksum of the manifest.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

MANIFEST = "manifest.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_PARTIAL = re.compile(r"\..+\.(\d+)-[0-9a-f]+")


class StoreError(Exception):
    """The store cannot do this: what is wrong, with which name, and what to do."""


def store() -> ArtefactStore:
    """The one that the settings name."""
    return ArtefactStore(settings.ARTEFACT_URL, settings.ARTEFACT_CACHE)


class ArtefactStore:
    """url: a folder (`file:///var/artefacts`) or bucket (`s3://bucket/folder`).  cache: a folder of this machine, which
    several processes may share.

    A name is complete when its manifest is there whole: it is written last, and lists the SHA-256 of every file.
    """

    def __init__(self, url: str, cache: Path) -> None:
        self.url = url
        self.cache = cache
        with _explained(f"The artefact store {url} cannot be opened"):
            found: tuple[AbstractFileSystem, str] = url_to_fs(url, use_listings_cache=False)
        self._files, root = found
        self._root = root.rstrip("/")

    # --- writing ---

    def put(self, folder: Path, name: str) -> str:
        """Store a finished folder, subfolders and all, under a new name. Returns the SHA-256 of its manifest.

        What an earlier attempt left unfinished under the name is overwritten. Raises StoreError for a name that is
        complete already, a folder that is not finished, and where the store takes no more.
        """
        manifest = _manifest_bytes(folder / MANIFEST)
        self._check_new(name)
        with _explained(f"{name} could not be stored at {self.url}"):
            if self._files.exists(self._path(name)):
                self._files.rm(self._path(name), recursive=True)
            for path in sorted(_checksums(manifest)):
                self._upload(folder / path, f"{name}/{path}")
            self._upload(folder / MANIFEST, f"{name}/{MANIFEST}")
        return hashlib.sha256(manifest).hexdigest()

    def delete(self, name: str) -> None:
        """Its manifest first, so that nobody finds it whole while the rest goes. A name that is not there is passed
        over."""
        with _explained(f"{name} could not be deleted from {self.url}"):
            for path in (f"{self._path(name)}/{MANIFEST}", self._path(name)):
                with contextlib.suppress(FileNotFoundError):
                    self._files.rm(path, recursive=True)

    def clear_unfinished(self, beginning_with: str = "") -> list[str]:
        """Delete what crashed writers left without a manifest. Whoever calls this makes sure that nobody is writing
        such a name at the time. Returns the names."""
        unfinished = [name for name in self._folders() if name.startswith(beginning_with) and not self._is_whole(name)]
        for name in unfinished:
            self.delete(name)
        return unfinished

    # --- reading ---

    def names(self) -> list[str]:
        """Complete ones, in order of the alphabet."""
        return [name for name in self._folders() if self._is_whole(name)]

    def put_at(self, name: str) -> datetime:
        """When it was stored, by the store's own clock. Raises StoreError where it is not there."""
        with _explained(f"{name} is not at {self.url}"):
            moment: datetime = self._files.modified(f"{self._path(name)}/{MANIFEST}")
        return moment.astimezone(UTC)

    def fetch(self, name: str, sha256: str, *, verify: bool = False) -> Path:
        """The folder of a local copy, complete and as it was stored; made when there is none.

        sha256: of the manifest, as `put` returned it. A copy is checked file by file when it is made, later only with
        `verify`; a damaged one is made again. Raises StoreError where the store has not what was put.
        """
        _check_name(name)
        copy = self.cache / name
        if _is_copy(copy, sha256, every_file=verify):
            return copy
        with self._fetching():
            return self._fetched(name, sha256, copy, verify=verify)

    def _fetched(self, name: str, sha256: str, copy: Path, *, verify: bool) -> Path:
        if _is_copy(copy, sha256, every_file=verify):  # another process made it meanwhile
            return copy
        partial = self.cache / f".{name}.{os.getpid()}-{secrets.token_hex(4)}"
        try:
            with _explained(f"{name} could not be fetched from {self.url}"):
                self._download(name, sha256, partial)
                _take_over(partial, copy)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        if not _is_copy(copy, sha256, every_file=False):
            raise StoreError(f"{copy} was replaced by another version while it was fetched. Try again.")
        return copy

    def clear_cache(self) -> None:
        """Delete copies of what the store no longer has, and what processes that died left half copied."""
        known = set(self.names())
        for copy in self.cache.iterdir() if self.cache.is_dir() else ():
            partial = _PARTIAL.fullmatch(copy.name)
            if copy.name not in known and not (partial and _is_alive(int(partial[1]))):
                shutil.rmtree(copy, ignore_errors=True)

    # --- inside ---

    @contextlib.contextmanager
    def _fetching(self) -> Iterator[None]:
        """One process of this machine at a time: what all of them map from one copy is in memory once."""
        with _explained(f"The cache {self.cache} cannot be used"):
            self.cache.mkdir(parents=True, exist_ok=True)
            folder = os.open(self.cache, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # a file system without locks: then each makes a copy, and all are good
                fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _check_new(self, name: str) -> None:
        _check_name(name)
        if self._is_whole(name):
            raise StoreError(f"{name} is at {self.url} already: what was stored is never changed. Choose another name.")

    def _folders(self) -> list[str]:
        with _explained(f"The artefact store {self.url} cannot be listed"):
            try:
                found = self._files.ls(self._root, detail=True)
            except FileNotFoundError:  # nothing was ever stored
                return []
        names = (entry["name"].rstrip("/").rpartition("/")[2] for entry in found if entry["type"] == "directory")
        return sorted(name for name in names if _NAME.fullmatch(name))

    def _is_whole(self, name: str) -> bool:
        """A manifest that was cut short, by a full disk for example, is none."""
        with _explained(f"{name} cannot be read at {self.url}"):
            try:
                _checksums(self._files.cat_file(f"{self._path(name)}/{MANIFEST}"))
            except (FileNotFoundError, StoreError):
                return False
        return True

    def _upload(self, local: Path, path: str) -> None:
        if isinstance(self._files, LocalFileSystem):
            _copy_to_disk(local, Path(self._path(path)))
        else:
            self._files.put_file(str(local), self._path(path))

    def _download(self, name: str, sha256: str, folder: Path) -> None:
        manifest = self._files.cat_file(f"{self._path(name)}/{MANIFEST}")
        if hashlib.sha256(manifest).hexdigest() != sha256:
            raise StoreError(f"{name} at {self.url} is not what was put there. Take another release.")
        for path, expected in _checksums(manifest).items():
            local = folder / path
            local.parent.mkdir(parents=True, exist_ok=True)
            self._files.get_file(f"{self._path(name)}/{path}", str(local))
            if _sha256(local) != expected:
                raise StoreError(f"{path} of {name} at {self.url} is damaged. Take another release, or train again.")
        (folder / MANIFEST).write_bytes(manifest)


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """Each kind of store raises errors of its own, some of no common class; callers know one."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        raise StoreError(f"{what}: {str(error) or type(error).__name__}.") from error


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise StoreError(f"{name!r} is no name: use 1 to 80 lower case letters, digits, dots, hyphens, underscores.")


def _manifest_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise StoreError(f"{path.parent} has no {MANIFEST}, so it is not finished. Save it first.") from error


def _checksums(manifest: bytes) -> dict[str, str]:
    """SHA-256 by path within the folder."""
    try:
        found = json.loads(manifest)["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"This is no whole {MANIFEST}: it must hold a SHA-256 by file name.") from error
    for path in found:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise StoreError(f"The manifest names {path!r}, which lies outside its folder.")
    return found


def _is_copy(folder: Path, sha256: str, *, every_file: bool) -> bool:
    try:
        manifest = (folder / MANIFEST).read_bytes()
        if hashlib.sha256(manifest).hexdigest() != sha256:
            return False
        listed = _checksums(manifest)
        return not every_file or all(_sha256(folder / path) == expected for path, expected in listed.items())
    except OSError:
        return False


def _take_over(partial: Path, copy: Path) -> None:
    """Give it its name."""
    if copy.exists():  # damaged, or it would have been used
        with contextlib.suppress(FileNotFoundError):
            copy.rename(partial.with_name(f"{partial.name}.damaged"))
        shutil.rmtree(partial.with_name(f"{partial.name}.damaged"), ignore_errors=True)
    with contextlib.suppress(OSError):
        partial.rename(copy)


def _copy_to_disk(local: Path, target: Path) -> None:
    """A row in the database may outlive a power cut, so what it names must too."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(local, target)
    for written in (target, target.parent):
        handle = os.open(written, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
