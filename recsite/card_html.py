"""Cards and their buttons as HTML, by Jinja: a page of the feed has two hundred buttons, and Django's templates would
take longer over them than over all the rest of the request."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.models import Item, Topic
from recsite import clock
from recsite.cards import Card
from recsite.html_parts import here
from recsite.part_templates import environment

_FOLLOWS_YOU = "Your feed follows what you read, like and put aside, beside what is popular and new."
_FOLLOWS_NOBODY = "Your feed shows what is popular and new."

_WORDS = {
    "save": ("saved", "Save", "Saved"),
    "like": ("like", "Like", "Liked"),
    "dismiss": ("dismissed", "Not interested", "Hidden from your feed"),
    "already_seen": ("seen", "Already seen", "Marked as seen"),
    "hide_topic": ("hidden", "Hide", "Hidden:"),
    "hide_author": ("hidden", "Hide", "Hidden:"),
}
"""By kind: its drawing, and what the button says before and after."""
_ON_CARDS = frozenset({"save", "like"})

_KEPT_AS = "page parts"


@dataclass(frozen=True)
class PageParts:
    """What all cards of a page have in common.

    form_inputs: what each form sends besides its own: Django's token (none where a fragment is rendered outside of a
    request), and the address to come back to.
    """

    form_inputs: SafeString
    now: datetime
    followed_topic_ids: Set[int]
    followed_author_ids: Set[int]
    how_feed_is_made: str

    @classmethod
    def of(cls, context: Context) -> PageParts:
        """Those of the page that is being rendered, made once."""
        kept = cast(dict[str, "PageParts"], context.render_context)
        if _KEPT_AS not in kept:
            kept[_KEPT_AS] = cls._made(context)
        return kept[_KEPT_AS]

    @classmethod
    def _made(cls, context: Context) -> PageParts:
        reader = context.get("reader")
        return cls(
            form_inputs=_form_inputs(context),
            now=context.get("now") or clock.now(),
            followed_topic_ids=reader.followed_topic_ids if reader else frozenset(),
            followed_author_ids=reader.followed_author_ids if reader else frozenset(),
            how_feed_is_made=_FOLLOWS_YOU if reader and reader.personalised else _FOLLOWS_NOBODY,
        )


def card_html(card: Card, page: PageParts, *, level: int) -> SafeString:
    """level: of its heading, 2 or 3."""
    return SafeString(environment.get_template("card.html").render(card=card, page=page, level=level))


def reaction_html(
    page: PageParts, kind: str, *, url: str, item: Item, token: str, pressed: bool, about: Topic | None
) -> SafeString:
    """See `recsite.templatetags.buttons.reaction`."""
    drawing, off, on = _WORDS[kind]
    named: dict[str, Any] = {"key": item.pk}
    if kind == "hide_topic" and about is not None:
        named = {"key": about.pk, "name": about.name, "topic_slug": about.slug}
    elif kind == "hide_author" and item.author is not None:
        named = {"key": item.author_id, "name": item.author.name}
    elif kind in _ON_CARDS:
        named["title"] = item.title
    look = "icon-button" if kind in _ON_CARDS else "menu-item"
    return _button(
        "reaction", page, kind, url, token=token, drawing=drawing, off=off, on=on, pressed=pressed, look=look, **named
    )


def follow_html(page: PageParts, *, url: str, name: str, pressed: bool) -> SafeString:
    """See `recsite.templatetags.buttons.follow_button`."""
    return _button("follow", page, url, name, pressed)


def _button(macro: str, *arguments: Any, **named: Any) -> SafeString:
    return SafeString(getattr(environment.get_template("buttons.html").module, macro)(*arguments, **named))


def _form_inputs(context: Context) -> SafeString:
    """The token as Django's own tag has it."""
    come_back = format_html('<input type="hidden" name="next" value="{}">', here(context))
    token = context.get("csrf_token")
    if not token or token == "NOTPROVIDED":  # noqa: S105 - what Django says where there is none
        return come_back
    return format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">{}', token, come_back)
