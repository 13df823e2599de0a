"""Small parts of pages that tags and cards share: dates in words, icons, the address to come back to."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache

from django.template.context import Context
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

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
        return f"{number_of(age // MINUTE, 'minute')} ago"
    if timedelta(0) < age < DAY and local_moment.date() == local_now.date():
        return f"{number_of(age // HOUR, 'hour')} ago"
    days = (local_now.date() - local_moment.date()).days
    if days == 1:
        return "yesterday"
    if 1 < days < WEEK.days:
        return f"{number_of(days, 'day')} ago"
    day_format = "j F" if local_moment.year == local_now.year else "j F Y"
    return formats.date_format(local_moment, day_format)


def number_of(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


def date_in_words(moment: datetime, now: datetime) -> SafeString:
    """A `<time>` that says when in words and keeps the full time on hover."""
    if now - moment >= DAY:
        return _date_long_ago(moment, timezone.localtime(now).date(), timezone.get_current_timezone_name())
    return _time_tag(moment, when_in_words(moment, now))


@lru_cache(maxsize=20_000)
def _date_long_ago(moment: datetime, today: date, _zone: str) -> SafeString:
    """Kept: from a day on the words go by days. today: in the zone that Django has switched on, which is `_zone`."""
    end_of_day = datetime.combine(today, time.max, tzinfo=timezone.get_current_timezone())
    return _time_tag(moment, when_in_words(moment, end_of_day))


def _time_tag(moment: datetime, words: str) -> SafeString:
    exact, full = _date_in_full(moment, timezone.get_current_timezone_name())
    return format_html('<time datetime="{}" title="{}">{}</time>', exact, full, words)


@lru_cache(maxsize=20_000)
def _date_in_full(moment: datetime, _zone: str) -> tuple[str, str]:
    """Kept, because an item's card is rendered again and again. _zone: the one that Django has switched on."""
    exact = moment.isoformat(timespec="seconds")
    return exact, timezone.localtime(moment).strftime("%-d %B %Y, %H:%M %Z")


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


def here(context: Context) -> str:
    """Path and query of the page a person is looking at, also when htmx asks for a part of it."""
    request = context["request"]
    htmx = getattr(request, "htmx", None)
    if htmx:
        return htmx.current_url_abs_path or "/"
    return request.get_full_path()
