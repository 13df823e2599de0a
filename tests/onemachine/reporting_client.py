"""A server that reports events and trusts nothing but an answer: what was not acknowledged is sent again."""

from __future__ import annotations

import http.client
import json
import random
import threading
import uuid
from typing import Any

ACTS_A_BATCH = 8

_PAUSE_S = 0.05
_TIMEOUT_S = 10


class ReportingClient(threading.Thread):
    """Fetches feeds and reports what was seen and done there, a batch after the other, until told to stop.

    sent: ids of all acts ever sent. acknowledged: those that an answer called accepted or a duplicate. seen: slates and
    positions whose view was acknowledged. refused: results that should not be. failures: calls without a good answer.
    """

    def __init__(self, *, port: int, key: str, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        self.seen: set[tuple[str, int]] = set()
        self.refused: list[dict[str, Any]] = []
        self.failures = 0
        self._port = port
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._random = random.Random(name)
        self._stop_asked = threading.Event()
        self._connection: http.client.HTTPConnection | None = None

    def stop(self) -> None:
        """Ask it to end once its present batch is acknowledged."""
        self._stop_asked.set()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            page = self._call_until_answered("GET", f"/api/v1/feed?limit=12&reader={self.name}", None)
            events = self._events_about(page["items"])
            self.sent.update(event["id"] for event in events if event["kind"] != "view")
            answer = self._call_until_answered("POST", f"/api/v1/events?reader={self.name}", {"events": events})
            self._remember(page, events, answer["results"])

    def _remember(self, page: dict[str, Any], events: list[dict[str, Any]], results: list[dict[str, Any]]) -> None:
        position_of = {card["token"]: card["position"] for card in page["items"]}
        for event, result in zip(events, results, strict=True):
            if result["status"] == "refused":
                self.refused.append(result)
            elif event["kind"] == "view":
                self.seen.add((page["slate"], position_of[event["token"]]))
            else:
                self.acknowledged.add(result["id"])

    def _events_about(self, cards: list[dict[str, Any]]) -> list[dict[str, Any]]:
        views = [{"kind": "view", "token": card["token"]} for card in cards]
        chosen = self._random.choice(cards)
        dwell = {"kind": "dwell", "item": chosen["id"], "value": self._random.randrange(60_000)}
        acts = [dwell] * (ACTS_A_BATCH - 1) + [{"kind": "search", "value": "rivers"}]
        return [{"id": str(uuid.uuid4()), "age_ms": 10, **event} for event in (*views, *acts)]

    def _call_until_answered(self, method: str, path: str, body: Any) -> dict[str, Any]:
        while True:
            try:
                status, answer = self._call(method, path, body)
            except (OSError, http.client.HTTPException):
                self._hang_up()
            else:
                # A page is served even when it could not be recorded; then its cards have no tokens.
                if status == 200 and all(card["token"] for card in answer.get("items", [])):
                    return answer
            self.failures += 1
            threading.Event().wait(_PAUSE_S)

    def _call(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)
        self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
        response = self._connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if response.status == 200 else {}

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
