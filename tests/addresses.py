"""Where things listen in tests."""

from __future__ import annotations

import socket

from django.conf import settings


def free_port() -> int:
    """A port of this machine that nobody listened on a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def url_of_test_database() -> str:
    """The database that pytest-django made, as another process can reach it."""
    database = settings.DATABASES["default"]
    host = database["OPTIONS"].get("host") or database["HOST"]
    return f"postgresql://{database['USER']}@/{database['NAME']}?host={host}"
