"""Where a page leads next: paging, and going back to where a form was sent from."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme

from recsite.requests import SiteRequest

PAGES_MAX = 400


def render_paged(
    request: SiteRequest, whole: str, context: dict[str, Any], *, partial: str = "partials/_feed_page.html"
) -> HttpResponse:
    """The whole page for a browser, only the next cards for htmx; caches are told that one address has two answers."""
    response = render(request, partial if request.htmx else whole, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def page_number(request: SiteRequest) -> int:
    """`?page=`, from 1; anything that is not such a number is the first page."""
    value = request.GET.get("page", "1")
    return min(max(int(value), 1), PAGES_MAX) if value.isascii() and value.isdigit() and len(value) < 6 else 1


def next_page_url(request: SiteRequest, *, more: bool) -> str | None:
    if not more or page_number(request) >= PAGES_MAX:
        return None
    query = request.GET.copy()
    query["page"] = str(page_number(request) + 1)
    return f"{request.path}?{query.urlencode()}"


def next_address(request: SiteRequest, *, default: str) -> str:
    """The form's `next`, if it stays on this site."""
    address = request.POST.get("next") or request.GET.get("next") or ""
    allowed = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if allowed else default


def answer_form(request: SiteRequest, partial: str, context: dict[str, object], *, default: str) -> HttpResponse:
    """htmx gets the changed part; a plain form goes back to the page it was on."""
    if request.htmx:
        return render(request, partial, context)
    return redirect(next_address(request, default=default))


def needs_cookie(request: SiteRequest) -> HttpResponse:
    """The answer to somebody whose browser did not bring our cookie back."""
    context = {"reason": "Your browser did not send our cookie. Allow cookies here, open the front page and try again."}
    return render(request, "400.html", context, status=400)
