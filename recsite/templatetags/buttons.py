"""The buttons that every card has, written here and not in templates: a page of cards has two hundred of them, and
Django's templates would take longer over them than over all the rest of the request."""

from __future__ import annotations

from django import template
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.models import Item, Topic
from recsite.templatetags.page_parts import here, icon

register = template.Library()

_REACTION = (
    '<form class="reaction {kind}" dir="ltr" method="post" action="{url}" hx-post="{url}" hx-swap="outerHTML"'
    ' hx-sync="this:drop" data-toggle="{kind}-{key}">{csrf}'
    '<input type="hidden" name="next" value="{here}"><input type="hidden" name="kind" value="{kind}">'
    '<input type="hidden" name="token" value="{token}">{topic}'
    '<input type="hidden" name="undo" value="{undo}">'
    '<button class="toggle {look}" type="submit" aria-pressed="{pressed}">{icon}'
    '<span class="toggle-label"><span class="when-off">{off}</span><span class="when-on">{on}</span>{name}</span>'
    "{title}</button></form>"
)
_FOLLOW = (
    '<form class="follow" dir="ltr" method="post" action="{url}" hx-post="{url}" hx-swap="outerHTML"'
    ' hx-sync="this:drop" data-toggle="{url}">{csrf}<input type="hidden" name="next" value="{here}">'
    '<input type="hidden" name="undo" value="{undo}">'
    '<button class="toggle button" type="submit" aria-pressed="{pressed}">{follow}{followed}'
    '<span class="toggle-label"><span class="when-off">Follow</span><span class="when-on">Following</span></span> '
    '<bdi class="follow-name">{name}</bdi></button></form>'
)
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


@register.simple_tag(takes_context=True)
def reaction(
    context: Context, kind: str, url: str, item: Item, token: str, *, on: bool = False, about: Topic | None = None
) -> SafeString:
    """One reaction to `item` as a button that stays pressed while it stands. url: where it is sent.

    about: the topic, for "hide_topic".
    """
    drawing, off_words, on_words = _WORDS[kind]
    key, name, topic, title = str(item.pk), "", "", ""
    if kind == "hide_topic" and about is not None:
        key, name = str(about.pk), format_html(" <bdi>{}</bdi>", about.name)
        topic = format_html('<input type="hidden" name="topic" value="{}">', about.slug)
    elif kind == "hide_author" and item.author is not None:
        key, name = str(item.author_id), format_html(" <bdi>{}</bdi>", item.author.name)
    elif kind in _ON_CARDS:
        title = format_html(' <span class="visually-hidden"><bdi>{}</bdi></span>', item.title)
    return format_html(
        _REACTION,
        kind=kind,
        url=url,
        key=key,
        csrf=_csrf_input(context),
        here=here(context),
        token=token,
        topic=topic,
        undo="1" if on else "0",
        look="icon-button" if kind in _ON_CARDS else "menu-item",
        pressed="true" if on else "false",
        icon=icon(drawing),
        off=off_words,
        on=on_words,
        name=name,
        title=title,
    )


@register.simple_tag(takes_context=True)
def follow_button(context: Context, url: str, name: str, *, on: bool = False) -> SafeString:
    """Follow a topic or an author, or stop. url: where it is sent."""
    return format_html(
        _FOLLOW,
        url=url,
        csrf=_csrf_input(context),
        here=here(context),
        undo="1" if on else "0",
        pressed="true" if on else "false",
        follow=icon("follow"),
        followed=icon("followed"),
        name=name,
    )


def _csrf_input(context: Context) -> SafeString | str:
    """As Django's own tag has it; nothing where a fragment is rendered outside of a request."""
    token = context.get("csrf_token")
    if not token or token == "NOTPROVIDED":  # noqa: S105 - what Django says where there is none
        return ""
    return format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', token)
