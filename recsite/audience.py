"""Who looks on without being read: what they do is logged, marked, and teaches nothing."""

from __future__ import annotations

import re
from typing import cast

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest

from feedback.surfaces import Excluded
from recsite.requests import SiteRequest

# Programs that say what they are. The rest show themselves by not bringing our cookie back.
_BOTS = re.compile(r"(?<!cu)bot|crawler|spider", re.IGNORECASE)
"""CUBOT makes phones."""
_AHEAD_OF_A_PERSON = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)


def excluded_reason(request: HttpRequest) -> str | None:
    """One of `Excluded`, or None for a reader like any other. The user agent is looked at and not kept."""
    if _is_staff(request.user):
        return Excluded.STAFF
    if is_ahead_of_a_person(request):
        return Excluded.PREVIEW
    if _BOTS.search(request.headers.get("User-Agent", "")):
        return Excluded.BOT
    if not cast(SiteRequest, request).reader.personalised:
        return Excluded.PERSONALISATION_OFF
    return None


def is_ahead_of_a_person(request: HttpRequest) -> bool:
    """The browser or an app fetches what nobody has asked to see yet."""
    purpose = request.headers.get("Sec-Purpose") or request.headers.get("Purpose") or request.headers.get("X-Moz", "")
    return bool(_AHEAD_OF_A_PERSON.search(purpose))


def _is_staff(user: AbstractBaseUser | AnonymousUser) -> bool:
    return bool(user.is_authenticated and getattr(user, "is_staff", False))
