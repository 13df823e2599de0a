"""The page /api/v1/docs: Swagger UI from our own files, under a policy for this page alone."""

from __future__ import annotations

from typing import Any

from csp.constants import SELF
from csp.decorators import csp_replace
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

_INSIDE_STYLE_SHEETS = "data:"
"""Swagger UI's style sheet draws its arrows so."""


class DocumentationPage(DocsBase):
    """Swagger UI without what it would load from, or tell, anybody else."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **_kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        return _page(request)


@csp_replace({"img-src": [SELF, _INSIDE_STYLE_SHEETS]})
def _page(request: HttpRequest) -> HttpResponseBase:
    return render(request, "pages/api_docs.html", {"openapi_url": reverse("api:openapi-json")})
