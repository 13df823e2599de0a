"""python -m benchmarks.feed_client PORT CONNECTIONS PAGES FILE: ask for the front page, as fast as it is answered.

FILE holds a cookie a line; each reader in turn asks for the first page of the feed, PAGES in all, or until SIGINT. The
last line is JSON: of each page when it was asked for, on the machine's monotonic clock, and how many milliseconds it
took.
"""

from __future__ import annotations

import http.client
import itertools
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html",
    "Accept-Language": "en",
}
CARD = b"?s="


def main() -> None:
    port, connections, pages, file = sys.argv[1:]
    cookies, left = itertools.cycle(Path(file).read_text().split()), itertools.count(int(pages), -1)
    stopped = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    asked: list[tuple[float, float]] = []

    def more() -> bool:
        return not stopped.is_set() and next(left) > 0

    threads = [
        threading.Thread(target=_ask, args=(int(port), more, cookies, asked, stopped)) for _ in range(int(connections))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(sorted(asked)))


def _ask(
    port: int,
    more: Callable[[], bool],
    cookies: Iterator[str],
    asked: list[tuple[float, float]],
    stopped: threading.Event,
) -> None:
    """Whatever is not a page of cards stops everything: then fewer pages are answered than were asked for."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while more():
        headers = HEADERS | {"Cookie": next(cookies)}
        begun = time.monotonic()
        connection.request("GET", "/", headers=headers)
        response = connection.getresponse()
        answer = response.read()
        taken = time.monotonic() - begun
        if response.status != 200 or CARD not in answer:
            sys.stderr.write(f"{response.status} {answer[:300]!r}\n")
            stopped.set()
            break
        asked.append((begun, taken * 1000))
    connection.close()


if __name__ == "__main__":
    main()
