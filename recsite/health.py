"""Is the process alive, and can it serve?"""

from __future__ import annotations

from django.core.cache import cache
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from redis.exceptions import RedisError


@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """200 while the process answers at all; touches nothing else, so that a slow database does not get web processes
    killed."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when pages can be served, else 503, with the state of each part.

    Redis may be down: limits fail open and lists are computed on request, so that alone does not make the site unready.
    """
    parts = {"database": _database(), "redis": _redis()}
    ready = parts["database"] == "ok"
    return JsonResponse({"ready": ready, "parts": parts}, status=200 if ready else 503)


def _database() -> str:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "migrations are missing: run `manage.py migrate`"
    except OperationalError:
        return "does not answer"
    return "ok"


def _redis() -> str:
    try:
        cache.get("ready")
    except RedisError:
        return "does not answer"
    return "ok"
