"""What gunicorn serves of an arm: `gunicorn "benchmarks.loop_wsgi:application_of('d')"`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.core.wsgi import get_wsgi_application

from benchmarks.loop_arms import ARMS

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from recsite.releases.live import Shelf

LOOK = "/loop/look"
"""Asked by the player of the arm, with the simulated time in the header of the clock, when something was counted or
released: nothing else says when the site is to see it."""


def application_of(arm: str) -> WSGIApplication:
    """The site with the sources of an arm, which has no candidates to keep."""
    site = get_wsgi_application()
    from benchmarks.loop_sources import ArmShelf, asks_of  # noqa: PLC0415 - imports what Django must be set up for
    from recsite.releases.live import serve_from  # noqa: PLC0415

    shelf = ArmShelf(asks_of(ARMS[arm]))
    serve_from(shelf)

    def called(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == LOOK:
            return _look(shelf, environ, start_response)
        return site(environ, start_response)

    return called


def _look(shelf: Shelf, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve with what is live now; 500 and a reason where that cannot be."""
    from django.core.handlers.wsgi import WSGIRequest  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from recsite import clock  # noqa: PLC0415

    shelf.refresh(now=clock.now(WSGIRequest(environ)))
    connection.close()  # back to the pool, as after a request
    status = "500 Internal Server Error" if shelf.trouble else "200 OK"
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [shelf.trouble.encode()]
