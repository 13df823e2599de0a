"""What Prometheus can read at /metrics: what web processes counted, summed over them, and what rows say of the rest."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from recsite import clock
from recsite.recorded_metrics import RecordedMetrics

REQUESTS = Counter("recsite_requests_total", "Answers sent, by page and status.", ["page", "method", "status"])
REQUEST_SECONDS = Histogram(
    "recsite_request_seconds",
    "Time from a request to its answer.",
    ["page"],
    buckets=(0.005, 0.01, 0.02, 0.04, 0.08, 0.12, 0.25, 0.5, 1, 2.5, 5),
)
SLATES = Counter("recsite_slates_total", "Slates served, by surface.", ["surface"])
EVENTS = Counter("recsite_events_total", "Events reported by browsers and servers.", ["kind", "status", "reason"])
SLATES_NOT_RECORDED = Counter(
    "recsite_slates_not_recorded_total", "Slates served without tokens, because the log took no row.", ["surface"]
)
CACHE_FAILURES = Counter("recsite_cache_failures_total", "Reads and writes that Redis did not answer.", ["use"])
RATE_LIMITED = Counter("recsite_rate_limited_total", "Requests refused for coming too often.", ["action"])
SERVING_SECONDS = Histogram(
    "recsite_serving_step_seconds",
    "Time of one step of serving a page: state, retrieve, filter, features, order, slate, rules, record.",
    ["step"],
    buckets=(0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 1),
)
FALLBACKS = Counter("recsite_fallbacks_total", "Pages of the feed served by a step below the live release.", ["reason"])
SOURCE_FAILURES = Counter(
    "recsite_source_failures_total", "Candidate sources that failed while others went on.", ["source"]
)
DATABASE_FAILURES = Counter(
    "recsite_database_failures_total", "Requests answered 503 because PostgreSQL did not answer."
)

_recorded = CollectorRegistry()
_recorded.register(RecordedMetrics(clock.now))


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics in Prometheus' text format. Needs METRICS_TOKEN as a bearer token; without that setting it exists
    in a demo only."""
    if not _may_read(request):
        return HttpResponse("Not found.\n", status=404, content_type="text/plain")
    return HttpResponse(generate_latest(web_processes()) + generate_latest(_recorded), content_type=CONTENT_TYPE_LATEST)


def web_processes() -> CollectorRegistry:
    """What all web processes counted that share a folder; without one, what this process did."""
    if not settings.PROMETHEUS_DIR:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=settings.PROMETHEUS_DIR)
    return registry


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN is None:
        return bool(settings.DEMO)
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
