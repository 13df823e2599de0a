"""Cards, and the buttons that cards and stories have."""

from __future__ import annotations

from django import template
from django.template.context import Context
from django.utils.safestring import SafeString

from catalog.models import Item, Topic
from recsite.card_html import PageParts, card_html, follow_html, reaction_html
from recsite.cards import Card

register = template.Library()


@register.simple_tag(takes_context=True)
def card_article(context: Context, card: Card, level: int = 2) -> SafeString:
    """One card. level: of its heading."""
    return card_html(card, PageParts.of(context), level=level)


@register.simple_tag(takes_context=True)
def reaction(
    context: Context, kind: str, url: str, item: Item, token: str, *, on: bool = False, about: Topic | None = None
) -> SafeString:
    """One reaction to `item` as a button that stays pressed while it stands. url: where it is sent.

    about: the topic, for "hide_topic".
    """
    return reaction_html(PageParts.of(context), kind, url=url, item=item, token=token, pressed=on, about=about)


@register.simple_tag(takes_context=True)
def follow_button(context: Context, url: str, name: str, *, on: bool = False) -> SafeString:
    """Follow a topic or an author, or stop. url: where it is sent."""
    return follow_html(PageParts.of(context), url=url, name=name, pressed=on)
