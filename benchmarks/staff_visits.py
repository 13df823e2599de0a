"""Opens every staff page as staff do, and looks at what PostgreSQL did for it. Needs Django to be set up."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.utils import DatabaseError
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, reverse
from django_celery_beat.models import PeriodicTask

from catalog.models import Reader
from feedback.models import SlateDetail
from recsite.models import JobRun, Release, TrainingRun
from recsite.staff.urls import urlpatterns

LOG = ("feedback_slate", "feedback_slatedetail", "feedback_view", "feedback_interaction")
WARM_UP = 2


@dataclass(frozen=True)
class Visited:
    """One address. p50_ms, slowest_ms: of several times, after two that were not counted.  queries: of one time.
    rows_scanned: of the log, by sequential scans of any session.  scanning: queries whose plan has such a scan."""

    page: str
    address: str
    status: int
    p50_ms: float
    slowest_ms: float
    queries: int
    rows_scanned: int
    scanning: list[str] = field(default_factory=list)


def staff_client() -> Client:
    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.create_superuser("benchmark@example.com"))
    return client


def addresses() -> Iterator[tuple[str, str]]:
    """Name and address of everything under /staff/, with rows of the site for what they take, and some that are asked
    for more."""
    samples = _samples()
    for pattern in urlpatterns:
        names = pattern.pattern.converters
        if set(names) <= set(samples) | {"run_id"}:
            yield pattern.name or "", _address(pattern, samples)
    yield "slates in fallback", f"{reverse('staff:slates')}?fallback=1"
    yield "a reader's slates", f"{reverse('staff:slates')}?reader={samples['public_id']}"
    yield "readers found", f"{reverse('staff:readers')}?q={samples['public_id']}"
    yield "items found", f"{reverse('staff:items')}?q=number"


def visit(client: Client, page: str, address: str, times: int) -> Visited | None:
    """None for what is no page: an action, to which one does not follow a link."""
    answer = _opened(client, address)
    if answer.status_code == 405:
        return None
    before = _rows_scanned()
    took_ms = []
    for _ in range(WARM_UP + times):
        begun = time.perf_counter()
        answer = _opened(client, address)
        took_ms.append((time.perf_counter() - begun) * 1_000)
    scanned = _rows_scanned() - before
    with CaptureQueriesContext(connection) as captured:
        _opened(client, address)
    texts = [query["sql"] or "" for query in captured.captured_queries]
    return Visited(
        page,
        address,
        answer.status_code,
        statistics.median(took_ms[WARM_UP:]),
        max(took_ms[WARM_UP:]),
        len(texts),
        scanned,
        [text[:300] for text in texts if scans_log(text)],
    )


def _opened(client: Client, address: str) -> Any:
    return client.get(address, follow=True, secure=True)


def scans_log(query: str) -> bool:
    """Whether the plan reads a table of the log that has rows from end to end. What cannot be explained alone does
    not."""
    if not query.lstrip().upper().startswith(("SELECT", "WITH")):
        return False
    try:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (FORMAT JSON) " + query.replace("%", "%%"), [])
            (plan,) = cursor.fetchone()[0]
            scanned = {node["Relation Name"] for node in _nodes(plan["Plan"]) if node["Node Type"] == "Seq Scan"}
            return any(_has_rows(cursor, name) for name in scanned if name.startswith(LOG))
    except DatabaseError:
        return False


def _nodes(plan: dict) -> Iterator[dict]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _has_rows(cursor, table: str) -> bool:  # type: ignore[no-untyped-def]
    """An empty partition costs nothing to read."""
    cursor.execute("SELECT reltuples FROM pg_class WHERE relname = %s", [table])
    return bool(cursor.fetchone()[0] > 0)


def _rows_scanned() -> int:
    """Of the log, by all sequential scans since the server began, whoever did them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_user_tables WHERE relname ~ %s",
            [f"^({'|'.join(LOG)})(_|$)"],
        )
        return int(cursor.fetchone()[0])


def _samples() -> dict[str, int | uuid.UUID]:
    detail = SlateDetail.objects.filter(features__isnull=False).order_by("-slate_id").values_list("slate_id").first()
    return {
        "public_id": Reader.objects.latest("pk").public_id,
        "slate_id": detail[0] if detail else uuid.uuid4(),
        "item_id": 1,
        "pin_id": 1,
        "release_id": Release.objects.latest("pk").pk,
        "schedule_id": PeriodicTask.objects.latest("pk").pk,
    }


def _address(pattern: URLPattern, samples: dict[str, int | uuid.UUID]) -> str:
    values = {name: samples[name] for name in pattern.pattern.converters if name != "run_id"}
    if "run_id" in pattern.pattern.converters:
        runs = TrainingRun if pattern.name == "training_run" else JobRun
        values["run_id"] = runs.objects.latest("pk").pk
    return reverse(f"staff:{pattern.name}", kwargs=values)
