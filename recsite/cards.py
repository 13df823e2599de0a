"""What a card shows, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.urls import reverse
from django.utils.safestring import SafeString

from catalog.languages import text_direction
from catalog.models import Item, Reader, Topic
from feedback.kinds import Kind
from feedback.models import Interaction
from ranking.reason_text import Names, reason_text
from recsite.slates import Slate, SlateEntry

CHARS_A_MINUTE = 1_200
"""About 200 words: what adults read silently in a minute (Brysbaert 2019 found 238 for English non-fiction)."""

NO_TOPIC = "none"


@dataclass(frozen=True)
class Card:
    item: Item
    topic: Topic | None
    address: str
    cover_url: str
    position: int
    reason: str
    saved: bool
    liked: bool
    reading_minutes: int | None
    lang: str
    dir: str
    react_url: str
    topic_url: str = ""
    author_url: str = ""
    follow_topic_url: str = ""
    follow_author_url: str = ""
    snippet: SafeString | str = ""
    token: str = ""
    """Signed, names the slate and the position; empty where no slate was recorded."""

    @property
    def url(self) -> str:
        """The address of its item, by which the click is known."""
        return f"{self.address}?s={self.token}" if self.token else self.address


def slate_cards(slate: Slate, *, reader: Reader | None, followed_topic_ids: frozenset[int]) -> list[Card]:
    """Cards of a slate in its order, each with the reason for its place."""
    entries = {entry.item_id: entry for entry in slate.entries}
    items = load_items(entries)
    saved, liked = _saved_and_liked(reader, entries)
    names = _names(slate, items)
    return [
        make_card(
            items[entry.item_id],
            position=entry.position,
            reason=_reason(entry, items[entry.item_id], names, followed_topic_ids),
            saved=entry.item_id in saved,
            liked=entry.item_id in liked,
            token=entry.token,
        )
        for entry in slate.entries
        if entry.item_id in items
    ]


def item_cards(
    items: Iterable[Item],
    *,
    reader: Reader | None,
    slate: Slate | None = None,
    topic: Topic | None = None,
    snippets: Mapping[int, SafeString] | None = None,
) -> list[Card]:
    """Cards of a plain list, in its order, with their places in `slate` if it was served as one.

    On the page of a `topic` they all carry its name.
    """
    items = list(items)
    saved, liked = _saved_and_liked(reader, [item.pk for item in items])
    entries = {entry.item_id: entry for entry in slate.entries} if slate else {}
    return [
        make_card(
            item,
            position=entries[item.pk].position if item.pk in entries else index,
            saved=item.pk in saved,
            liked=item.pk in liked,
            topic=topic,
            snippet=(snippets or {}).get(item.pk, ""),
            token=entries[item.pk].token if item.pk in entries else "",
        )
        for index, item in enumerate(items)
    ]


def load_items(item_ids: Iterable[int]) -> dict[int, Item]:
    """Visible items by id, with what a card needs."""
    return {item.pk: item for item in Item.objects.visible().for_cards().filter(pk__in=list(item_ids))}


def make_card(
    item: Item,
    *,
    position: int = 0,
    reason: str = "",
    saved: bool = False,
    liked: bool = False,
    topic: Topic | None = None,
    snippet: SafeString | str = "",
    token: str = "",
) -> Card:
    own_topic = next(iter(item.topics.all()), None)
    named, author = topic or own_topic, item.author
    address = _address("item", item.slug)
    return Card(
        item=item,
        topic=named,
        address=address,
        cover_url=item.image or generated_cover_url(own_topic, key=str(item.pk)),
        position=position,
        reason=reason,
        saved=saved,
        liked=liked,
        reading_minutes=max(1, round(item.body_chars / CHARS_A_MINUTE)) if item.body_chars else None,
        lang=item.language,
        dir=text_direction(item.language),
        react_url=_address("react", item.slug),
        topic_url=_address("topic", named.slug) if named else "",
        author_url=_address("author", author.slug) if author else "",
        follow_topic_url=_address("follow_topic", named.slug) if named else "",
        follow_author_url=_address("follow_author", author.slug) if author else "",
        snippet=snippet,
        token=token,
    )


def generated_cover_url(topic: Topic | None, *, key: str) -> str:
    """The address of the cover drawn for an item (or a topic) without an image."""
    return _address("cover", topic.slug if topic else NO_TOPIC, key)


@lru_cache(maxsize=20_000)
def _address(page: str, *names: str) -> str:
    """Kept, because a page of cards has two hundred, and most of them again and again."""
    return reverse(page, args=names)


def _saved_and_liked(reader: Reader | None, item_ids: Iterable[int]) -> tuple[set[int], set[int]]:
    if reader is None:
        return set(), set()
    standing = Interaction.objects.standing().filter(
        reader=reader, kind__in=[Kind.SAVE, Kind.LIKE], item__in=list(item_ids)
    )
    pairs = set(standing.values_list("kind", "item_id"))
    saved, liked = ({item_id for kind, item_id in pairs if kind == wanted} for wanted in (Kind.SAVE, Kind.LIKE))
    return saved, liked


def _names(slate: Slate, items: Mapping[int, Item]) -> Names:
    """What the reasons of these entries name. A topic or an author is the item's own; another item, which the reader
    chose before, is looked up, and not named when it is no longer public."""
    chosen = [entry.reason.item_id for entry in slate.entries if entry.reason and entry.reason.item_id is not None]
    titles = Item.objects.visible().filter(pk__in=chosen).values_list("pk", "title") if chosen else ()
    return Names(
        items=dict(titles),
        topics={topic.pk: topic.name for item in items.values() for topic in item.topics.all()},
        authors={item.author.pk: item.author.name for item in items.values() if item.author},
    )


def _reason(entry: SlateEntry, item: Item, names: Names, followed_topic_ids: frozenset[int]) -> str:
    """A release says why; rules put only what is followed, popular or new on a page."""
    if entry.reason is not None:
        return reason_text(entry.reason, names)
    if entry.source == "followed":
        followed = next((topic.name for topic in item.topics.all() if topic.pk in followed_topic_ids), None)
        if followed is not None:
            return f"From {followed}, which you follow"
        return f"From {item.author}, whom you follow"
    return {"popular": "Popular lately", "fresh": "New"}.get(entry.source, "")
