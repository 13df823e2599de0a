"""How each language fits a phrase into its place: articles, cases, contractions, capitals.

Slots that every language fills: subject, place, deed, practice, noun1 to noun3, years, month, mood, name, surname,
person, a_person. German adds the_person, the_person_acc, a_person_acc, to_a_person, who, they and years_dat; Spanish
adds the_person, they and the_noun1 to the_noun3.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from simulation.phrases import Forms, TopicPhrases

Slots = dict[str, str]

PREPOSITIONS = ("at", "by", "for", "from", "in", "into", "near", "of", "on", "over", "to", "via", "with")
SMALL_WORDS = frozenset(("a", "an", "and", "as", "but", "nor", "or", "than", "the", *PREPOSITIONS))
"""Words that stay small inside an English headline."""

GERMAN = {
    "f": {"the": "die", "the_acc": "die", "a": "eine", "a_acc": "eine", "to_a": "einer", "who": "die", "they": "sie"},
    "m": {"the": "der", "the_acc": "den", "a": "ein", "a_acc": "einen", "to_a": "einem", "who": "der", "they": "er"},
}
SPANISH = {"f": {"the": "la", "a": "una", "they": "ella"}, "m": {"the": "el", "a": "un", "they": "él"}}


def draw_slots(language: str, rng: random.Random, phrases: TopicPhrases, forms: Forms) -> Slots:
    """One choice for every slot of the language. Everything said about an item is said with the same choice."""
    words = forms.words
    nouns = rng.sample(phrases.nouns, 3)
    slots = {
        "subject": rng.choice(phrases.subjects),
        "place": rng.choice(phrases.places),
        "deed": rng.choice(phrases.deeds),
        "practice": rng.choice(phrases.practices),
        "years": rng.choice(words["years"]),
        "month": rng.choice(words["months"]),
        "mood": rng.choice(words["moods"]),
        "surname": rng.choice(words["last_names"]),
    }
    person = rng.choice(phrases.people)
    slots.update(PERSON_SLOTS[language](person, nouns))
    first_names = words.get("first_names") or words[f"first_names_{person[0]}"]
    slots["name"] = f"{rng.choice(first_names)} {slots['surname']}"
    if language == "de":
        slots["years_dat"] = f"{slots['years']}n"
    return slots


def _english_person(person: str, nouns: list[str]) -> Slots:
    article = "an" if person[0] in "aeiou" else "a"
    return {"person": person, "a_person": f"{article} {person}"} | _bare_nouns(nouns)


def _german_person(marked: str, nouns: list[str]) -> Slots:
    gender, person = marked.split(" ", 1)
    words = GERMAN[gender]
    return {
        "person": person,
        "the_person": f"{words['the']} {person}",
        "the_person_acc": f"{words['the_acc']} {person}",
        "a_person": f"{words['a']} {person}",
        "a_person_acc": f"{words['a_acc']} {person}",
        "to_a_person": f"{words['to_a']} {person}",
        "who": words["who"],
        "they": words["they"],
    } | _bare_nouns(nouns)


def _spanish_person(marked: str, nouns: list[str]) -> Slots:
    gender, person = marked.split(" ", 1)
    words = SPANISH[gender]
    return (
        {
            "person": person,
            "the_person": f"{words['the']} {person}",
            "a_person": f"{words['a']} {person}",
            "they": words["they"],
        }
        | _bare_nouns([noun.split(" ", 1)[1] for noun in nouns])
        | {f"the_noun{number}": noun for number, noun in enumerate(nouns, start=1)}
    )


def _bare_nouns(nouns: list[str]) -> Slots:
    return {f"noun{number}": noun for number, noun in enumerate(nouns, start=1)}


PERSON_SLOTS: dict[str, Callable[[str, list[str]], Slots]] = {
    "en": _english_person,
    "de": _german_person,
    "es": _spanish_person,
}


def finish_sentence(language: str, text: str) -> str:
    """A filled template as a sentence: contracted where the language contracts, and with a capital."""
    if language == "es":
        text = re.sub(r"\b([Dd]e|[Aa]) el ", lambda match: f"{match[1]}l ", text)
    return _capitalise(text)


def finish_title(language: str, text: str) -> str:
    """A filled template as a title: headline capitals in English, a capital at the beginning elsewhere."""
    text = re.sub(r"(?<=\? )\w", lambda match: match[0].upper(), finish_sentence(language, text))
    return _headline(text) if language == "en" else text


def _capitalise(text: str) -> str:
    """Raise the first letter, behind any opening mark such as `¿` or a quotation mark."""
    for position, letter in enumerate(text):
        if letter.isalnum():
            return text[:position] + letter.upper() + text[position + 1 :]
    return text


def _headline(text: str) -> str:
    words = text.split(" ")
    last = len(words) - 1
    starts_anew = True
    for position, word in enumerate(words):
        if starts_anew or position == last or word.strip("“”,:?!") not in SMALL_WORDS:
            words[position] = "-".join(_capitalise(part) for part in word.split("-"))
        starts_anew = word.endswith((":", "?", ".")) or words[position].startswith("“")
        if word.startswith("“"):
            starts_anew = False
    return " ".join(words)
