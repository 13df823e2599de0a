"""Small parts that pages are made of: dates in words, icons, the address to come back to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from django import template
from django.forms import BoundField, CheckboxInput
from django.template.context import Context
from django.utils.safestring import SafeString

from catalog.languages import language_name, text_direction
from recsite.html_parts import date_in_words, here, icon, number_of

register = template.Library()

T = TypeVar("T")


@register.filter
def duration_in_words(seconds: int) -> str:
    """`45` -> `45 seconds`, `900` -> `15 minutes`; rounded up, so that whoever waits that long has waited enough."""
    for unit_seconds, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= unit_seconds:
            return number_of(-(-seconds // unit_seconds), unit)
    return number_of(seconds, "second")


@register.simple_tag(takes_context=True)
def relative_date(context: Context, moment: datetime) -> SafeString:
    """A `<time>` that says when in words and keeps the full time on hover. Needs `now` in the context."""
    return date_in_words(moment, context["now"])


register.simple_tag(icon)
register.simple_tag(here, takes_context=True)


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
