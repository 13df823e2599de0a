"""python -m benchmarks.ingest_client PORT KEY CONNECTIONS FILE: post prepared batches as fast as they are answered.

FILE holds a line a batch: the reader's external id, a tab, the body. Everything is read before the clock starts, and
answers are only searched for words, so that the client takes little of the machine. The last line says what came back.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections import deque
from pathlib import Path


def main() -> None:
    port, key, connections, file = sys.argv[1:]
    waiting = deque(line.split(b"\t", 1) for line in Path(file).read_bytes().splitlines())
    accepted: list[int] = []
    seconds: list[float] = []
    threads = [
        threading.Thread(target=_post_all, args=(int(port), key, waiting, accepted, seconds))
        for _ in range(int(connections))
    ]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - begun
    seconds.sort()
    print(
        json.dumps(
            {
                "seconds": taken,
                "batches": len(accepted),
                "accepted": sum(accepted),
                "median_ms": seconds[len(seconds) // 2] * 1000,
                "p99_ms": seconds[len(seconds) * 99 // 100] * 1000,
            }
        )
    )


def _post_all(port: int, key: str, waiting: deque[list[bytes]], accepted: list[int], seconds: list[float]) -> None:
    """Until nothing waits any more. Whatever is not answered with 200 stops it: then fewer are accepted than sent."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    while waiting:
        try:
            reader, body = waiting.popleft()
        except IndexError:
            break
        begun = time.perf_counter()
        connection.request("POST", f"/api/v1/events?reader={reader.decode()}", body, headers)
        response = connection.getresponse()
        answer = response.read()
        seconds.append(time.perf_counter() - begun)
        if response.status != 200:
            sys.stderr.write(f"{response.status} {answer[:300]!r}\n")
            return
        accepted.append(answer.count(b'"accepted"'))
    connection.close()


if __name__ == "__main__":
    main()
