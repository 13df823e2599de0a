"""What happens around every request."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.template.loader import render_to_string

from recsite import clock, health, identity, metrics
from recsite.logs import current_request_id
from recsite.metrics import DATABASE_FAILURES, REQUEST_SECONDS, REQUESTS
from recsite.pages.errors import API_PREFIX
from recsite.requests import SiteRequest

GetResponse = Callable[[HttpRequest], HttpResponse]
logger = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
RETRY_AFTER_S = 10
PROBES = {"/healthz": health.healthz, "/readyz": health.readyz, "/metrics": metrics.metrics}


def request_id(get_response: GetResponse) -> GetResponse:
    """Give the request an id, on every log line and on the answer. A well-formed X-Request-ID is kept, so that
    proxies can follow."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        this_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        token = current_request_id.set(this_id)
        try:
            response = get_response(request)
        finally:
            current_request_id.reset(token)
        response["X-Request-ID"] = this_id
        return response

    return middleware


def answer_probes(get_response: GetResponse) -> GetResponse:
    """Answer /healthz, /readyz and /metrics before anything asks for a known host, for TLS or for a reader.

    Whoever probes a process does so by its address inside the network, not by the name that readers type.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path)
        return probe(request) if probe else get_response(request)

    return middleware


def measure_request(get_response: GetResponse) -> GetResponse:
    """Count the answer and its time under the page's name: addresses would make a series each."""

    def middleware(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = get_response(request)
        seconds = time.perf_counter() - began
        page = request.resolver_match.view_name if request.resolver_match else "none"
        REQUESTS.labels(page or "unnamed", request.method, response.status_code).inc()
        REQUEST_SECONDS.labels(page or "unnamed").observe(seconds)
        logger.info(
            "request",
            extra={
                "method": request.method,
                "path": request.path,
                "status": response.status_code,
                "ms": round(seconds * 1000, 1),
                "page": page,
            },
        )
        return response

    return middleware


def trust_proxies(get_response: GetResponse) -> GetResponse:
    """Set `request.client_address`: what the outermost of our own TRUSTED_PROXIES saw, or the peer when there are none.

    Everything to the left of that in X-Forwarded-For was written by the client and is not believed.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
        believed = settings.TRUSTED_PROXIES
        site_request = cast(SiteRequest, request)
        address = request.META.get("REMOTE_ADDR", "")
        if believed and len(forwarded) >= believed:
            address = forwarded[-believed]
        site_request.client_address = address
        return get_response(request)

    return middleware


def unavailable_without_database(get_response: GetResponse) -> GetResponse:
    """Answer 503 with Retry-After, in words, while PostgreSQL does not answer; programs get them as JSON."""

    def unavailable(request: HttpRequest, reason: BaseException) -> HttpResponse:
        DATABASE_FAILURES.inc()
        logger.error("PostgreSQL does not answer", extra={"reason": str(reason)})
        headers = {"Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}
        if request.path.startswith(API_PREFIX):
            detail = (
                f"The database does not answer. Send it again in {RETRY_AFTER_S} s; what arrives twice counts once."
            )
            return JsonResponse({"reason": "unavailable", "detail": detail}, status=503, headers=headers)
        body = render_to_string("503.html", {"retry_after": RETRY_AFTER_S})
        return HttpResponse(body, status=503, headers=headers)

    class Middleware:
        def __call__(self, request: HttpRequest) -> HttpResponse:
            try:
                return get_response(request)
            except (OperationalError, InterfaceError) as error:
                return unavailable(request, error)

        def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
            return unavailable(request, error) if isinstance(error, OperationalError | InterfaceError) else None

    return Middleware()


def identify_reader(get_response: GetResponse) -> GetResponse:
    """Set `request.reader`, and hand out its signed cookie with the first page that asked who is reading."""

    def middleware(request: HttpRequest) -> HttpResponse:
        try:
            now = clock.now(request)
        except clock.ClockHeaderError as error:
            return HttpResponseBadRequest(f"{error}\n", content_type="text/plain")
        site_request = cast(SiteRequest, request)
        site_request.now = now
        site_request.reader = identity.RequestReader(request)
        response = get_response(request)
        identity.keep_cookie(site_request.reader, response)
        return response

    return middleware
