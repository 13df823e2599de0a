"""Cards and their buttons as HTML, by Jinja: a page of the feed has two hundred buttons, and Django's templates would
take longer over them than over all the rest of the request. One card of each shape is rendered, with holes for the
texts."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString
from markupsafe import escape

from catalog.models import Item, Topic
from recsite import clock
from recsite.cards import Card
from recsite.html_parts import date_in_words, here
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

SHAPES_KEPT = 1_000
"""Of some six kilobytes each, were there so many."""
FIRST_SEEN = 4
"""So many are on screen at once; the covers of others may come later."""

_HOLE = re.compile(r"\0(\w+)\0")


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


@dataclass(frozen=True)
class CardShape:
    """What decides which parts a card has and how its buttons stand, apart from every text in it. A site's cards have a
    few dozen shapes."""

    level: int
    is_lazy: bool
    saved: bool
    liked: bool
    follows_topic: bool
    follows_author: bool
    has_topic: bool
    has_author: bool
    has_summary: bool
    has_minutes: bool
    has_reason: bool
    has_token: bool

    @classmethod
    def of(cls, card: Card, page: PageParts, *, level: int) -> CardShape:
        topic, author = card.topic, card.item.author
        return cls(
            level=level,
            is_lazy=card.position >= FIRST_SEEN,
            saved=card.saved,
            liked=card.liked,
            follows_topic=topic is not None and topic.pk in page.followed_topic_ids,
            follows_author=author is not None and author.pk in page.followed_author_ids,
            has_topic=topic is not None,
            has_author=author is not None,
            has_summary=bool(card.snippet or card.item.summary),
            has_minutes=card.reading_minutes is not None,
            has_reason=bool(card.reason),
            has_token=bool(card.token),
        )


def card_html(card: Card, page: PageParts, *, level: int) -> SafeString:
    """level: of its heading, 2 or 3."""
    texts = _texts(card, page)
    parts = list(_skeleton(CardShape.of(card, page, level=level)))
    parts[1::2] = [texts[hole] for hole in parts[1::2]]
    return SafeString("".join(parts))


def _texts(card: Card, page: PageParts) -> dict[str, str]:
    """What goes into the holes of a skeleton, as HTML, by the name of the hole."""
    item, topic, author = card.item, card.topic, card.item.author
    texts = {
        "item_id": item.pk,
        "title": item.title,
        "summary": card.snippet or item.summary,  # or the passage that a search found, as HTML
        "address": card.address,
        "react_url": card.react_url,
        "cover_url": card.cover_url,
        "lang": card.lang,
        "dir": card.dir,
        "published": date_in_words(item.published_at, page.now),
        "reading_minutes": card.reading_minutes,
        "topic_slug": topic.slug if topic else "",
        "topic_name": topic.name if topic else "",
        "topic_url": card.topic_url,
        "follow_topic_url": card.follow_topic_url,
        "author_name": author.name if author else "",
        "author_url": card.author_url,
        "follow_author_url": card.follow_author_url,
        "how_feed_is_made": page.how_feed_is_made,
        "form_inputs": page.form_inputs,
        "reason": card.reason,
        "token": card.token,
    }
    return {name: escape(text) for name, text in texts.items()}


@lru_cache(maxsize=SHAPES_KEPT)
def _skeleton(shape: CardShape) -> tuple[str, ...]:
    """The HTML of all cards of a shape: text, the name of a hole, text, and so on."""
    html = environment.get_template("card.html").render(shape=shape, text=_Holes())
    return tuple(_HOLE.split(html))


class _Holes:
    """Every text of a card, as a hole."""

    def __getattr__(self, name: str) -> SafeString:
        return _hole(name)


def _hole(name: str) -> SafeString:
    """Between characters that no text of the database can hold."""
    return SafeString(f"\0{name}\0")


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
