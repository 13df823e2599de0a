"""The words the world is written with: a file for each topic (`topics/`), and for each language the shapes of its
pieces (`forms/`).

A topic has, for each language:
    authors    who writes about it
    people     whom its pieces are about; German and Spanish ones are marked `f` or `m`
    places     a place with its preposition
    subjects   what a piece can be about; see the head of each forms file for the grammar it must obey
    deeds      what one of these people once did: a past tense (German: the end of a clause, verb last)
    practices  what can be learned: English a bare verb phrase, German the end of a clause, Spanish an infinitive
    nouns      short words for things that cannot be counted; Spanish ones with their article
    questions, quotes, facts, scenes   whole sentences, a quote without its full stop
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from simulation.truth import FORM_APPEAL, INTERESTS

HERE = Path(__file__).parent
FORM_FILES = {"en": "english", "de": "german", "es": "spanish"}
PASSAGE_KINDS = ("develop", "turn", "close", "answer", "bridge", "detour")
SLOT = re.compile(r"\{(\w+)\}")


class PhraseError(ValueError):
    """A phrase file does not say what the generator needs."""


@dataclass(frozen=True)
class TopicPhrases:
    authors: tuple[str, ...]
    people: tuple[str, ...]
    places: tuple[str, ...]
    subjects: tuple[str, ...]
    deeds: tuple[str, ...]
    practices: tuple[str, ...]
    nouns: tuple[str, ...]
    questions: tuple[str, ...]
    quotes: tuple[str, ...]
    facts: tuple[str, ...]
    scenes: tuple[str, ...]


@dataclass(frozen=True)
class Topic:
    """Something a reader can follow.

    name: as readers see it, in every language.  near: names of topics that share items with this one.
    interests: which of `INTERESTS` its items tend to serve, with weights that need no particular sum.
    """

    name: str
    near: tuple[str, ...]
    interests: Mapping[str, float]
    phrases: Mapping[str, TopicPhrases]


@dataclass(frozen=True)
class Form:
    titles: tuple[str, ...]
    openers: tuple[str, ...]
    closers: tuple[str, ...]


@dataclass(frozen=True)
class Forms:
    """words: lists that belong to a language and not to a topic (years, months, first_names_f, ...)."""

    words: Mapping[str, tuple[str, ...]]
    by_name: Mapping[str, Form]
    passages: Mapping[str, tuple[str, ...]]


@cache
def load_topics() -> tuple[Topic, ...]:
    """Every topic, in the order of their names. Raises `PhraseError` with the file and what is wrong."""
    topics = sorted((_read_topic(path) for path in sorted((HERE / "topics").glob("*.toml"))), key=lambda t: t.name)
    names = {topic.name for topic in topics}
    for topic in topics:
        unknown = set(topic.near) - names
        if unknown or topic.name in topic.near:
            raise PhraseError(f"{topic.name}: `near` must name other topics, but has {sorted(unknown) or topic.name}.")
    return tuple(topics)


@cache
def load_forms(language: str) -> Forms:
    """The shapes of pieces in one language. Raises `PhraseError` with the file and what is wrong."""
    path = HERE / "forms" / f"{FORM_FILES[language]}.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    missing = [name for name in (*FORM_APPEAL, "passages") if name not in tables]
    if missing:
        raise PhraseError(f"{path.name}: has no {', '.join(missing)}.")
    passages = _lines_of(path, tables.pop("passages"))
    by_name = {name: Form(**_lines_of(path, tables.pop(name))) for name in FORM_APPEAL}
    if set(passages) != set(PASSAGE_KINDS):
        raise PhraseError(f"{path.name}: passages are {sorted(passages)}, wanted {sorted(PASSAGE_KINDS)}.")
    return Forms(words=_lines_of(path, tables), by_name=by_name, passages=passages)


def _read_topic(path: Path) -> Topic:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = set(table["interests"]) - set(INTERESTS)
    if unknown:
        raise PhraseError(f"{path.name}: knows no interest {sorted(unknown)}, only {', '.join(INTERESTS)}.")
    wanted = {field.name for field in fields(TopicPhrases)}
    phrases = {}
    for language in FORM_FILES:
        lines = _lines_of(path, table.get(language, {}))
        if set(lines) != wanted:
            raise PhraseError(
                f"{path.name}: [{language}] differs from what is wanted in {sorted(set(lines) ^ wanted)}."
            )
        phrases[language] = TopicPhrases(**lines)
    return Topic(table["name"], tuple(table["near"]), table["interests"], phrases)


def _lines_of(path: Path, table: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    lists = {}
    for key, text in table.items():
        lines = tuple(line.strip() for line in text.splitlines() if line.strip())
        if not lines:
            raise PhraseError(f"{path.name}: {key} is empty.")
        lists[key] = lines
    return lists
