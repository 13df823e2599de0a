"""Who may open a staff page, and who may act on one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBase
from django.views.decorators.cache import never_cache

from recsite.requests import SiteRequest

View = Callable[..., HttpResponseBase]

PERSONAL = "catalog.view_reader"
"""To look at one reader: what they did, and what they were shown."""
RELEASES = "recsite.change_release"
ITEMS = "catalog.change_item"
JOBS = "django_celery_beat.change_periodictask"


def staff_page(view: View | None = None, *, needs: str | None = None) -> Any:
    """A page for staff alone, kept by no cache. Strangers are led to the login, everybody else is refused.

    needs: a permission of Django's beside that of being staff.
    """
    if view is None:
        return lambda view: staff_page(view, needs=needs)

    @never_cache
    @wraps(view)
    def guarded(request: SiteRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if not user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not (user.is_active and user.is_staff) or (needs and not user.has_perm(needs)):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    guarded.staff_needs = needs  # type: ignore[attr-defined]
    return guarded


def operator(request: SiteRequest) -> str:
    """Whoever acts, as the audit trail names them."""
    return request.user.get_username()


def reason_given(request: SiteRequest) -> str | None:
    """The form's `reason`; None where there is none, because whoever wonders next month reads it."""
    return request.POST.get("reason", "").strip()[:500] or None
