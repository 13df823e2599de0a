"""Cards and their buttons as HTML, by Jinja: a page of the feed has two hundred buttons, and Django's templates would
take longer over them than over all the rest of the request. A card is rendered once, with holes for what each page puts
into it."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from django.template.context import Context
from django.utils.html import conditional_escape, escape, format_html
from django.utils.safestring import SafeString

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

CARDS_KEPT = 2_000
"""Of some six kilobytes each; a feed shows most of its items to many."""
FIRST_SEEN = 4
"""So many are on screen at once; the covers of others may come later."""

_TOKEN, _REASON, _INPUTS = "token", "reason", "inputs"
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
class CardLook:
    """What decides a card's HTML, but for what changes with every page: its token, its reason, what its forms send.

    summary: or the passage that a search found, as HTML.  published: in words.  topic_slug, author_name: "" for none.
    """

    item_id: int
    title: str
    summary: SafeString
    address: str
    react_url: str
    cover_url: str
    lang: str
    dir: str
    published: SafeString
    reading_minutes: int | None
    topic_slug: str
    topic_name: str
    topic_url: str
    follow_topic_url: str
    follows_topic: bool
    author_name: str
    author_url: str
    follow_author_url: str
    follows_author: bool
    how_feed_is_made: str
    level: int
    is_lazy: bool
    saved: bool
    liked: bool
    has_token: bool
    has_reason: bool

    @classmethod
    def of(cls, card: Card, page: PageParts, *, level: int) -> CardLook:
        item, topic, author = card.item, card.topic, card.item.author
        return cls(
            item_id=item.pk,
            title=item.title,
            summary=conditional_escape(card.snippet or item.summary),
            address=card.address,
            react_url=card.react_url,
            cover_url=card.cover_url,
            lang=card.lang,
            dir=card.dir,
            published=date_in_words(item.published_at, page.now),
            reading_minutes=card.reading_minutes,
            topic_slug=topic.slug if topic else "",
            topic_name=topic.name if topic else "",
            topic_url=card.topic_url,
            follow_topic_url=card.follow_topic_url,
            follows_topic=topic is not None and topic.pk in page.followed_topic_ids,
            author_name=author.name if author else "",
            author_url=card.author_url,
            follow_author_url=card.follow_author_url,
            follows_author=author is not None and author.pk in page.followed_author_ids,
            how_feed_is_made=page.how_feed_is_made if card.reason else "",
            level=level,
            is_lazy=card.position >= FIRST_SEEN,
            saved=card.saved,
            liked=card.liked,
            has_token=bool(card.token),
            has_reason=bool(card.reason),
        )


def card_html(card: Card, page: PageParts, *, level: int) -> SafeString:
    """level: of its heading, 2 or 3."""
    filled = {_TOKEN: escape(card.token), _REASON: escape(card.reason), _INPUTS: page.form_inputs}
    parts = list(_card_around(CardLook.of(card, page, level=level)))
    parts[1::2] = [filled[hole] for hole in parts[1::2]]
    return SafeString("".join(parts))


@lru_cache(maxsize=CARDS_KEPT)
def _card_around(look: CardLook) -> tuple[str, ...]:
    """The card's HTML with holes: text, the name of a hole, text, and so on."""
    html = environment.get_template("card.html").render(
        look=look, page={"form_inputs": _hole(_INPUTS)}, token=_hole(_TOKEN), reason=_hole(_REASON)
    )
    return tuple(_HOLE.split(html))


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
