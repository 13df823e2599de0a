"""One piece, told from one choice of words: title, summary and body speak of the same person, place and subject."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence

from simulation.grammar import draw_slots, finish_sentence, finish_title
from simulation.phrases import SLOT, Form, Forms, TopicPhrases

TOPICAL = frozenset({"subject", "deed", "practice"})
"""Slots that say what a piece is about. A summary opens with the one that its title has."""

NARROW = frozenset({"practice", "question"})
"""Slots that leave no room in a summary for another subject."""

SAYINGS = ("quote", "question")
"""Whole sentences that fill a slot; each is said once in a piece."""

SLOT_FAMILIES = {
    "a_person": "person",
    "a_person_acc": "person",
    "the_person": "person",
    "the_person_acc": "person",
    "to_a_person": "person",
    "years_dat": "years",
    "the_noun1": "noun1",
    "the_noun2": "noun2",
    "the_noun3": "noun3",
}
REPEATABLE = frozenset({"name", "surname", "who", "they"})
STEM_CHARS = 5


class Passage:
    """A stretch of text (a summary, a paragraph) in which a slot is filled only once, as far as the templates allow."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.used: set[str] = set()

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


class Story:
    """The words chosen for one piece, by `rng`; the methods say something with them, by the chance they are given."""

    def __init__(self, language: str, rng: random.Random, phrases: TopicPhrases, forms: Forms) -> None:
        self.language = language
        self.slots = draw_slots(language, rng, phrases, forms)
        self.unsaid = {
            "quote": rng.sample(phrases.quotes, len(phrases.quotes)),
            "question": rng.sample(phrases.questions, len(phrases.questions)),
            "fact": rng.sample(phrases.facts, len(phrases.facts)),
            "scene": rng.sample(phrases.scenes, len(phrases.scenes)),
        }
        self.said: set[str] = set()
        self.title_slots: frozenset[str] = frozenset()
        self.title = ""
        self._is_introduced = False

    def entitle(self, rng: random.Random, form: Form) -> str:
        """Choose the title; the summary will begin with what it promises."""
        template = rng.choice(form.titles)
        self.title_slots = frozenset(_families(template))
        self.title = finish_title(self.language, self._fill(template))
        self._is_introduced = False  # a summary is read on its own, too
        return self.title

    def open_summary(self, rng: random.Random, passage: Passage, form: Form, answers: Sequence[str]) -> None:
        """Begin with a sentence about what the title is about; `answers` are those that follow a question."""
        templates = answers if "question" in self.title_slots else form.openers
        self._say_one(rng, passage, templates, self._keeps_promise)

    def close_summary(self, rng: random.Random, passage: Passage, form: Form) -> None:
        """End without changing the subject, when the title has a narrow one."""
        self._say_one(rng, passage, form.closers, self._stays_with_title)

    def say(self, rng: random.Random, passage: Passage, templates: Sequence[str]) -> None:
        """Say one of these templates, best one that repeats neither itself nor a slot of this passage."""
        self._say_one(rng, passage, templates, lambda template: True)

    def say_fact(self, rng: random.Random, passage: Passage, kind: str = "fact") -> bool:
        """Say a fact (or a scene), if one is left, mostly one that touches on the title. False when none is left."""
        unsaid = self.unsaid[kind]
        if not unsaid:
            return False
        stems = _stems(self.title)
        touching = [sentence for sentence in unsaid if stems & _stems(sentence)]
        sentence = touching[0] if touching and rng.random() < 0.75 else unsaid[0]
        unsaid.remove(sentence)
        passage.sentences.append(sentence)
        return True

    def ask(self, passage: Passage) -> bool:
        """End on a question about what the title is about. False when there is none."""
        stems = set() if "question" in self.title_slots else _stems(self.title)
        for question in self.unsaid["question"]:
            if stems & _stems(question):
                self.unsaid["question"].remove(question)
                passage.sentences.append(question)
                return True
        return False

    def _keeps_promise(self, template: str) -> bool:
        families = set(_families(template))
        shared = families & self.title_slots
        return not shared & set(SAYINGS) and (bool(shared) or not families & TOPICAL)

    def _stays_with_title(self, template: str) -> bool:
        return not self.title_slots & NARROW or set(_families(template)) & TOPICAL <= self.title_slots

    def _say_one(
        self, rng: random.Random, passage: Passage, templates: Sequence[str], suits: Callable[[str], bool]
    ) -> None:
        fresh = [template for template in templates if template not in self.said and self._can_fill(template)]
        suitable = [template for template in fresh if suits(template)]
        unrepeated = [template for template in suitable if not passage.used & set(_families(template))]
        choices = unrepeated or suitable or fresh
        if not choices:
            return
        template = rng.choice(choices)
        self.said.add(template)
        passage.used.update(_families(template))
        passage.sentences.append(finish_sentence(self.language, self._fill(template)))

    def _can_fill(self, template: str) -> bool:
        return all(self.unsaid[saying] for saying in SAYINGS if f"{{{saying}}}" in template)

    def _fill(self, template: str) -> str:
        return SLOT.sub(lambda match: self._word_for(match[1]), template)

    def _word_for(self, slot: str) -> str:
        if slot in SAYINGS:
            return self.unsaid[slot].pop()
        if slot == "name" and self._is_introduced:
            return self.slots["surname"]
        self._is_introduced |= slot == "name"
        return self.slots[slot]


def _families(template: str) -> Iterable[str]:
    for slot in SLOT.findall(template):
        if slot not in REPEATABLE:
            yield SLOT_FAMILIES.get(slot, slot)


def _stems(text: str) -> set[str]:
    """The beginnings of the longer words: enough to see, in any of the languages, that two sentences share a thing."""
    return {word[:STEM_CHARS].casefold() for word in re.findall(r"\w{5,}", text)}
