"""Stands between a reader and the site, and keeps what was sent.

Playwright does not tell of the beacon of a page that is left.
"""

from __future__ import annotations

import http.client
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_OF_ONE_CONNECTION = {"connection", "content-length", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Sent:
    """One request as it came by wire. target: path and query.  headers: by their names in small letters."""

    method: str
    target: str
    headers: dict[str, str]
    body: str

    @property
    def path(self) -> str:
        return urlsplit(self.target).path


@dataclass
class Recorder:
    """address: where the site is to be asked so that it is kept."""

    address: str
    sent: list[Sent] = field(default_factory=list)


@contextmanager
def recording(site_address: str) -> Iterator[Recorder]:
    """A way of its own to the site, until the block ends."""
    server = _Proxy(urlsplit(site_address).netloc)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, site: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.site = site
        self.recorder = Recorder(f"http://127.0.0.1:{self.server_port}")

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Browsers drop connections of pages that they leave.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def log_message(self, *_: object) -> None:
        """The test says what went wrong."""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.recorder.sent.append(Sent(self.command, self.path, headers, body.decode()))
        site = http.client.HTTPConnection(self.server.site, timeout=60)
        # The Host stays as it came: the site compares it with the Origin.
        site.request(self.command, self.path, body, {**headers, "connection": "close"})
        response = site.getresponse()
        content = response.read()
        site.close()
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in _OF_ONE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
