"""Reasons in English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ranking.reasons import Reason, Why

_NAMED = {
    Why.LIKED_ITEM: "Because you liked {item}",
    Why.CHOSEN_ITEM: "Because you opened {item}",
    Why.FOLLOWED_AUTHOR: "From {author}, whom you follow",
    Why.FOLLOWED_TOPIC: "From {topic}, which you follow",
    Why.LIKED_AUTHOR: "More from {author}",
    Why.LIKED_TOPIC: "Because you often choose {topic}",
    Why.NEW_FROM_AUTHOR: "New from {author}",
    Why.POPULAR_IN_TOPIC: "Popular in {topic}",
    Why.IN_TOPIC: "From {topic}",
}
_NAMELESS = {
    Why.LIKED_ITEM: "Because of something you liked",
    Why.CHOSEN_ITEM: "Because of something you opened",
    Why.FOLLOWED_AUTHOR: "From an author whom you follow",
    Why.FOLLOWED_TOPIC: "From a topic that you follow",
    Why.LIKED_AUTHOR: "More from an author you chose before",
    Why.LIKED_TOPIC: "From a topic that you often choose",
    Why.NEW_FROM_AUTHOR: "New",
    Why.TRENDING: "Popular right now",
    Why.POPULAR_IN_TOPIC: "Popular in its topic",
    Why.POPULAR: "Popular with readers",
    Why.NEW: "New",
    Why.FOR_YOU: "Picked for you, by what you have chosen before",
    Why.IN_TOPIC: "A suggestion",
    Why.SUGGESTED: "A suggestion",
    Why.DIFFERENT: "Something different, picked at random",
    Why.PINNED: "Chosen by the editors of this site",
}


@dataclass(frozen=True)
class Names:
    """What readers call the items, topics and authors that reasons name, by key. One that is not here, such as an
    item that is no longer public, is not named."""

    items: Mapping[int, str] = field(default_factory=dict)
    topics: Mapping[int, str] = field(default_factory=dict)
    authors: Mapping[int, str] = field(default_factory=dict)


def reason_text(reason: Reason, names: Names) -> str:
    """One sentence, as plain text without a full stop."""
    known = {
        "item": _quoted(_of(names.items, reason.item_id)),
        "topic": _of(names.topics, reason.topic),
        "author": _of(names.authors, reason.author),
    }
    sentence = _NAMED.get(reason.why)
    if sentence is None or not any(known.values()):
        return _NAMELESS[reason.why]
    return sentence.format(**known)


def _quoted(title: str) -> str:
    """So that it is plain where the title begins. One that has quotation marks of its own needs no more of them."""
    return title if not title or "“" in title else f"“{title}”"


def _of(names: Mapping[int, str], key: int | None) -> str:
    return "" if key is None else names.get(key, "")
