"""A way to a site in the same process: for long runs, which need no sockets. Whoever has the site hands its WSGI
application in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import httpx

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def transport_to(application: Application) -> httpx.WSGITransport:
    """What it answers is what it would answer over HTTP, and an error in it is an answer of 500 as there."""

    def called(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # WSGI wants the bytes of a path as Latin-1 (PEP 3333); httpx 0.28 hands over its characters.
        environ["PATH_INFO"] = environ["PATH_INFO"].encode().decode("latin-1")
        return application(environ, start_response)

    return httpx.WSGITransport(called, raise_app_exceptions=False)
