"""The part of a start that needs Django: tables, static files, the staff login."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

from catalog.models import Item
from recsite import tasks
from recsite.models import Release

STAFF_NAME = "staff@example.com"


def prepare(staff_login: str) -> None:
    """Bring the database up to date, its staff login kept in that file. Prints how many items it has, and the number
    of its live release (0 for none)."""
    call_command("migrate", interactive=False, verbosity=0)
    collect_changed_static()
    ensure_staff_login(Path(staff_login))
    sys.stdout.write(f"{Item.objects.count()} ")
    tell_live_release()


def take_stock() -> None:
    """Count what the history says, as the jobs do later: what is popular is right from the first page on."""
    tasks.refresh_sources()
    tasks.refresh_popularity()


def tell_live_release() -> None:
    """Print the number of the live release, 0 for none."""
    live = Release.objects.filter(state=Release.State.LIVE).values_list("pk", flat=True).first()
    sys.stdout.write(f"{live or 0}\n")


def collect_changed_static() -> None:
    """Collect static files, unless none has changed since the last time: hashing and compressing takes seconds."""
    record = settings.VAR_DIR / "static-files"
    now_there = _static_fingerprint()
    if settings.STATIC_ROOT.exists() and record.exists() and record.read_text() == now_there:
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    record.write_text(now_there)


def _static_fingerprint() -> str:
    fingerprint = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            found = Path(storage.path(path)).stat()
            fingerprint.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return fingerprint.hexdigest()


def ensure_staff_login(file: Path) -> None:
    """Have a staff login whose name and password are the two lines of `file`.

    An account that exists keeps its password when `file` does not know it: the database may be somebody's own.
    """
    exists = User.objects.filter(username=STAFF_NAME).exists()
    if exists and not file.exists():
        _write_secret(file, f"{STAFF_NAME}\n(made earlier; set a new one: manage.py changepassword {STAFF_NAME})\n")
    if not exists:
        password = secrets.token_urlsafe(12)
        _write_secret(file, f"{STAFF_NAME}\n{password}\n")
        User.objects.create_superuser(username=STAFF_NAME, email=STAFF_NAME, password=password)


def _write_secret(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
