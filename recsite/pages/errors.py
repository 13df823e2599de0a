"""When something goes wrong: friendly words, and what to do next."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

API_PREFIX = "/api/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return _for_programs(400, "bad_request", "The request is malformed. Check its host, headers and address.")
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return _for_programs(404, "unknown_address", "There is no such call. All calls are listed at /api/v1/docs.")
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without the request: whatever broke may be what the page's frame needs."""
    if request.path.startswith(API_PREFIX):
        return _for_programs(500, "broken", "Something broke on our side. The log names it by the X-Request-ID.")
    return HttpResponse(render_to_string("500.html"), status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403_csrf.html", {"reason": reason}, status=403)


def _for_programs(status: int, reason: str, detail: str) -> HttpResponse:
    return JsonResponse({"reason": reason, "detail": detail}, status=status)
