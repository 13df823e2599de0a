"""Small parts that pages are made of: dates in words, icons, the address to come back to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from django import template
from django.forms import BoundField, CheckboxInput
from django.template.context import Context
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.languages import language_name, text_direction

register = template.Library()

T = TypeVar("T")

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)


def when_in_words(moment: datetime, now: datetime) -> str:
    """How long ago, in words up to a week; after that, and for anything still to come, the day.

    Both must know their zone; days are counted in the zone that Django has switched on.
    """
    local_moment = timezone.localtime(moment)
    local_now = timezone.localtime(now)
    age = local_now - local_moment
    if -MINUTE < age < MINUTE:
        return "just now"
    if timedelta(0) < age < HOUR:
        return f"{_number_of(age // MINUTE, 'minute')} ago"
    if timedelta(0) < age < DAY and local_moment.date() == local_now.date():
        return f"{_number_of(age // HOUR, 'hour')} ago"
    days = (local_now.date() - local_moment.date()).days
    if days == 1:
        return "yesterday"
    if 1 < days < WEEK.days:
        return f"{_number_of(days, 'day')} ago"
    day_format = "j F" if local_moment.year == local_now.year else "j F Y"
    return formats.date_format(local_moment, day_format)


def _number_of(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


@register.filter
def duration_in_words(seconds: int) -> str:
    """`45` -> `45 seconds`, `900` -> `15 minutes`; rounded up, so that whoever waits that long has waited enough."""
    for unit_seconds, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= unit_seconds:
            return _number_of(-(-seconds // unit_seconds), unit)
    return _number_of(seconds, "second")


@register.simple_tag(takes_context=True)
def relative_date(context: Context, moment: datetime) -> SafeString:
    """A `<time>` that says when in words and keeps the full time on hover. Needs `now` in the context."""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        timezone.localtime(moment).strftime("%-d %B %Y, %H:%M %Z"),
        when_in_words(moment, context["now"]),
    )


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str) -> SafeString:
    """One drawing of static/icons.svg, hidden from screen readers: the words beside it or its button's name say it.

    Kept, because a page of cards has hundreds, and each would look the drawing's address up.
    """
    return format_html(
        '<svg class="icon" width="20" height="20" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def here(context: Context) -> str:
    """Path and query of the page a person is looking at, also when htmx asks for a part of it."""
    request = context["request"]
    htmx = getattr(request, "htmx", None)
    if htmx:
        return htmx.current_url_abs_path or "/"
    return request.get_full_path()


@register.filter
def in_batches(things: Sequence[T], size: int) -> list[Sequence[T]]:
    """`things` cut into runs of `size`; the last may be shorter."""
    return [things[start : start + size] for start in range(0, len(things), size)]


@register.filter
def direction(language: str) -> str:
    """`rtl` or `ltr`, for the `dir` attribute."""
    return text_direction(language)


@register.filter
def named_language(language: str) -> str:
    """The language's name in its own words."""
    return language_name(language)


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Whether a form field is one box to tick, whose label stands after it."""
    return isinstance(field.field.widget, CheckboxInput)
