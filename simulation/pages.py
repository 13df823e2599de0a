"""What a reader's browser finds in a page of the site: its cards, its forms, where it leads on.

Only what stands in the HTML is used, as a person's browser has it.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

_CARD = '<article class="card"'
_TITLE = re.compile(r'class="card-title"><a href="([^"]*)">(.*?)</a>', re.DOTALL)
_TOPIC = re.compile(r'class="card-topic"><a href="[^"]*"><bdi>(.*?)</bdi>', re.DOTALL)
_STORY = re.compile(r'<article class="story"(?P<head>[^>]*)>', re.DOTALL)
_NEXT = re.compile(r'<a class="button more"\s+href="([^"]*)"')
_HEADERS = re.compile(r"<body[^>]*hx-headers='([^']*)'", re.DOTALL)
_FORM = re.compile(r"<form(?P<head>[^>]*)>(?P<inside>.*?)</form>", re.DOTALL)
_INPUT = re.compile(r"<input([^>]*)>", re.DOTALL)
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_TOPIC_CHOICE = re.compile(r'name="topics"\s+value="([^"]*)"(.*?)<bdi class="tile-name">(.*?)</bdi>', re.DOTALL)
_LANGUAGE_CHOICE = re.compile(r'name="languages"\s+value="([^"]*)"([^>]*)>')


class PageNotUnderstood(ValueError):
    """The page lacks what a reader's browser needs there."""


@dataclass(frozen=True)
class Form:
    """action: its address.  fields: what it sends, in its order, but for the button that is pressed."""

    action: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CardOnPage:
    """item: its number.  token: empty where the slate was not recorded.  href: of its title, which logs the click."""

    item: int
    token: str
    language: str
    title: str
    topic: str
    href: str
    source: str

    def form(self, kind: str) -> Form:
        """Its button of that kind: "like", "save", or the menu with the reasons to put it away. Raises
        PageNotUnderstood."""
        return find_form(self.source, {"menu": "reactions"}.get(kind, f"reaction {kind}"))


@dataclass(frozen=True)
class Page:
    """path: its address on the site.  source: its HTML, or that of the part which htmx asked for."""

    path: str
    source: str

    @cached_property
    def cards(self) -> list[CardOnPage]:
        # By plain searches: a pattern that stops at the first end tag would go letter by letter through 200 KB.
        inner = (piece.partition("</article>")[0] for piece in self.source.split(_CARD)[1:])
        return [_card(*one.partition(">")[::2]) for one in inner]

    @property
    def next_path(self) -> str | None:
        """Where "Show more" leads."""
        found = _NEXT.search(self.source)
        return html.unescape(found[1]) if found else None

    @property
    def headers(self) -> dict[str, str]:
        """What htmx sends with every request of this page: Django's token. Raises PageNotUnderstood."""
        found = _HEADERS.search(self.source)
        if found is None:
            raise PageNotUnderstood(f"{self.path} has no hx-headers on its body.")
        headers = json.loads(html.unescape(found[1]))
        return {str(name): str(value) for name, value in headers.items()}

    @property
    def welcome(self) -> Welcome | None:
        """The choice that is offered to newcomers, where it is."""
        if 'class="welcome-form"' not in self.source:
            return None
        choices = {html.unescape(name): html.unescape(slug) for slug, _, name in _TOPIC_CHOICE.findall(self.source)}
        checked = [code for code, rest in _LANGUAGE_CHOICE.findall(self.source) if "checked" in rest]
        form = find_form(self.source, "welcome-form")
        hidden = tuple(pair for pair in form.fields if pair[0] not in {"topics", "languages"})
        return Welcome(Form(form.action, hidden), choices, tuple(checked))

    @property
    def story(self) -> Story:
        """Raises PageNotUnderstood where the page is not that of an item."""
        found = _STORY.search(self.source)
        if found is None:
            raise PageNotUnderstood(f"{self.path} is not the page of an item.")
        attributes = _attributes(found["head"])
        return Story(int(attributes["data-item"]), attributes["data-token"], "data-outbound" in self.source)


@dataclass(frozen=True)
class Welcome:
    """topics: slugs by name, in the order of the page.  languages: those that are ticked already."""

    form: Form
    topics: Mapping[str, str]
    languages: tuple[str, ...]


@dataclass(frozen=True)
class Story:
    """The piece that a page shows. token: of the card that led here, empty for whoever came another way."""

    item: int
    token: str
    has_source: bool

    @property
    def subject(self) -> dict[str, str | int]:
        """How reports name it."""
        return {"token": self.token} if self.token else {"item": self.item}


def find_form(source: str, css_class: str) -> Form:
    """The first form of that class. Raises PageNotUnderstood."""
    for found in _FORM.finditer(source):
        head = _attributes(found["head"])
        if head.get("class") == css_class:
            inputs = [_attributes(one) for one in _INPUT.findall(found["inside"])]
            fields = tuple((one["name"], one.get("value", "")) for one in inputs if "name" in one)
            return Form(head["action"], fields)
    raise PageNotUnderstood(f"no form of the class {css_class!r} is there.")


def find_undo(source: str) -> Form:
    """The form of what stands over a card that was put away."""
    found = _FORM.search(source)
    if found is None or 'class="card-gone"' not in source:
        raise PageNotUnderstood("what was put away offers no way back.")
    inputs = [_attributes(one) for one in _INPUT.findall(found["inside"])]
    return Form(_attributes(found["head"])["action"], tuple((one["name"], one.get("value", "")) for one in inputs))


def _card(head: str, inside: str) -> CardOnPage:
    attributes = _attributes(head)
    title, topic = _TITLE.search(inside), _TOPIC.search(inside)
    if title is None:
        raise PageNotUnderstood("a card has no title that leads anywhere.")
    return CardOnPage(
        item=int(attributes["data-item"]),
        token=attributes["data-token"],
        language=attributes["lang"],
        title=html.unescape(title[2]),
        topic=html.unescape(topic[1]) if topic else "",
        href=html.unescape(title[1]),
        source=inside,
    )


def _attributes(head: str) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(head)}
