"""What every template may use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from recsite import clock


def site(request: HttpRequest) -> dict[str, Any]:
    return {
        "site_name": settings.SITE_NAME,
        "site_tagline": settings.SITE_TAGLINE,
        "reader": getattr(request, "reader", None),
        "now": getattr(request, "now", None) or clock.now(),
        "search_query": request.GET.get("q", "") if request.path == "/search/" else "",
        "demo": settings.DEMO,
        "gate": {"readers": settings.GATE_READERS, "positives": settings.GATE_POSITIVES},
    }
