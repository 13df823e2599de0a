"""A site of the benchmark's own: PostgreSQL and Redis in a temporary folder, settings that point there, tables made."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.core.management import call_command

from recsite.onemachine.account import server_account
from recsite.onemachine.services import LocalServices, local_services


@contextmanager
def running_site() -> Iterator[Path]:
    """Start everything, set Django up, migrate; yields a folder for the benchmark's files. Needs no environment.

    The environment is set for child processes too. Django can be set up once in a process, so use this once.
    Servers keep their promises on disk (fsync is on), as on a real site.
    """
    with tempfile.TemporaryDirectory(prefix="recsite-bench-", dir=_short_folder()) as name:
        folder = Path(name)
        if not server_account(folder / "postgres" / "data").is_ours:
            folder.chmod(0o711)  # the account that PostgreSQL runs under passes through
        with local_services(folder, durable=True) as services:
            os.environ.update(_environment(folder, services))
            django.setup()
            call_command("migrate", verbosity=0)
            yield folder


def _short_folder() -> str | None:
    """`/tmp` where there is one: a socket's path has at most 107 bytes, which a long temporary folder uses up."""
    return "/tmp" if Path("/tmp").is_dir() else None  # noqa: S108


def _environment(folder: Path, services: LocalServices) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "recsite.settings",
        "DATABASE_URL": services.database_url,
        "REDIS_URL": services.redis_url,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "VAR_DIR": str(folder / "var"),
    }
