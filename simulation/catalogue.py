"""The world's catalogue: items that a person would browse, and beside each its hidden truth.

Item number n depends on the seed, on n, and on the titles before it (no two are equal), so a longer catalogue
begins with a shorter one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from simulation.draws import hex_key, stream
from simulation.phrases import Forms, Topic, load_forms, load_topics
from simulation.story import Passage, Story
from simulation.truth import FORM_APPEAL, INTERESTS, Truth, draw_elsewhere, draw_truth, form_weights
from simulation.worlds import ItemRules

LANGUAGE_SHARES = {"en": 0.6, "de": 0.2, "es": 0.2}
SECOND_TOPIC_SHARE = 0.12
THIRD_TOPIC_SHARE = 0.02
LINK_SHARE = 0.05
QUESTION_SHARE = 0.3
SCENE_SHARE = 0.3
SCENIC_FORMS = frozenset({"field_notes", "letter", "portrait"})
DAYS = 730
RECENCY = 1.6
"""Above 1, more items are recent than old: age is `DAYS` times a uniform number to this power."""

SUMMARY_SENTENCES = (2, 3, 4)
SUMMARY_WEIGHTS = (30, 45, 25)
BODY_PARAGRAPHS = (3, 4, 5, 6)
BODY_WEIGHTS = (25, 35, 25, 15)
TITLE_ATTEMPTS = 300
FORMS = tuple(FORM_APPEAL)


class OutOfTitles(ValueError):
    """The phrases do not give as many different titles as were asked for."""


@dataclass(frozen=True)
class CatalogueItem:
    """One line of items.jsonl (`public`), and the line of truth.jsonl that the site never sees (`hidden`)."""

    public: dict[str, Any]
    hidden: dict[str, Any]


def generate_catalogue(
    *, seed: int, num_items: int, until: datetime, rules: ItemRules | None = None, num_days: int = 0
) -> Iterator[CatalogueItem]:
    """Yield `num_items` items published in the two years before `until` (with a time zone).

    rules: which of them are not what they seem, and how many more come out on each of the `num_days` after `until`.
    They change nothing of what the site is told of an item but for the dates of those that are yet to come out.
    Raises `OutOfTitles`, after the items made so far, when no unused title can be found.
    """
    titles_taken: set[str] = set()
    for index in range(num_items):
        yield _make_item(
            seed, index, _draw_published_at(stream(seed, index, "published_at"), until), titles_taken, rules
        )
    for index, published_at in _new_items(seed, num_items, until, rules, num_days):
        yield _make_item(seed, index, published_at, titles_taken, rules)


def num_generated(num_items: int, rules: ItemRules | None = None, num_days: int = 0) -> int:
    """How many items such a catalogue has."""
    return num_items + (num_days * round(num_items * rules.new_share_a_day) if rules else 0)


def _new_items(
    seed: int, num_items: int, until: datetime, rules: ItemRules | None, num_days: int
) -> Iterator[tuple[int, datetime]]:
    """The number of each item that comes out after `until`, and when: at any minute of its day."""
    a_day = round(num_items * rules.new_share_a_day) if rules else 0
    for day in range(num_days):
        for index in range(num_items + day * a_day, num_items + (day + 1) * a_day):
            minute = int(stream(seed, index, "published_at").random() * 24 * 60)
            yield index, until + timedelta(days=day, minutes=minute)


def _make_item(
    seed: int, index: int, published_at: datetime, titles_taken: set[str], rules: ItemRules | None
) -> CatalogueItem:
    topics = _draw_topics(stream(seed, index, "topics"))
    truth = draw_truth(stream(seed, index, "truth"), [topic.interests for topic in topics])
    language = _draw_language(stream(seed, index, "language"))
    form_name, story = _find_story(
        seed, index, language=language, topic=topics[0], truth=truth, titles_taken=titles_taken
    )
    forms = load_forms(language)
    guest = Story(language, stream(seed, index, "guest"), topics[-1].phrases[language], forms)
    rng = stream(seed, index, "text")
    summary = _write_summary(rng, story, forms, form_name, [guest] if len(topics) > 1 else [])
    body = _write_body(rng, story, forms, [guest] if len(topics) > 1 else [])
    author = stream(seed, index, "author").choice(topics[0].phrases[language].authors)
    external_id = f"{form_name.replace('_', '-')}-{hex_key(seed, index, 12)}"
    public: dict[str, Any] = {
        "external_id": external_id,
        "title": story.title,
        "summary": summary,
        "body": body,
        "topics": [topic.name for topic in topics],
        "author": author,
        "language": language,
        "published_at": published_at.isoformat(),
        "attributes": {"kind": form_name.replace("_", " "), "words": len(body.split())},
    }
    if stream(seed, index, "link").random() < LINK_SHARE:
        public["link"] = f"https://example.org/read/{external_id}"
    return CatalogueItem(public, _hidden(seed, index, external_id, truth, rules))


def _hidden(seed: int, index: int, external_id: str, promised: Truth, rules: ItemRules | None) -> dict[str, Any]:
    """What is really true; with `rules` also whether the item is what it seems."""
    truth = promised if rules is None else _unmask(seed, index, promised, rules)
    interests = {name: round(share, 4) for name, share in zip(INTERESTS, truth.interests, strict=True)}
    line: dict[str, Any] = {"external_id": external_id, "interests": interests, "quality": round(truth.quality, 4)}
    return line if rules is None else {**line, "kind": truth.kind}


def _unmask(seed: int, index: int, promised: Truth, rules: ItemRules) -> Truth:
    """The truth behind what topics and text promise: mostly just that."""
    luck = stream(seed, index, "unwanted").random()
    if luck >= rules.unwanted_share:
        return promised
    if luck < rules.unwanted_share * rules.look_alike_share:
        return replace(
            promised, interests=draw_elsewhere(stream(seed, index, "elsewhere"), promised), kind="look-alike"
        )
    return replace(promised, kind="bait")


def _draw_topics(rng: random.Random) -> list[Topic]:
    topics = load_topics()
    by_name = {topic.name: topic for topic in topics}
    first = rng.choice(topics)
    chance = rng.random()
    if chance < THIRD_TOPIC_SHARE:
        return [first, *(by_name[name] for name in rng.sample(first.near, 2))]
    if chance < SECOND_TOPIC_SHARE:
        return [first, by_name[rng.choice(first.near)]]
    return [first]


def _draw_language(rng: random.Random) -> str:
    return rng.choices(list(LANGUAGE_SHARES), list(LANGUAGE_SHARES.values()))[0]


def _find_story(
    seed: int, index: int, *, language: str, topic: Topic, truth: Truth, titles_taken: set[str]
) -> tuple[str, Story]:
    """Draw words until they give a title that nobody has yet, and take it."""
    forms = load_forms(language)
    weights = form_weights(truth, FORMS)
    for attempt in range(TITLE_ATTEMPTS):
        rng = stream(seed, index, f"story {attempt}")
        form_name = rng.choices(FORMS, weights)[0]
        story = Story(language, rng, topic.phrases[language], forms)
        title = story.entitle(rng, forms.by_name[form_name])
        if title.casefold() not in titles_taken:
            titles_taken.add(title.casefold())
            return form_name, story
    raise OutOfTitles(
        f"found no unused title for item {index + 1} ({topic.name}, {language}). "
        f"Ask for at most {index} items, or add phrases to simulation/topics."
    )


def _write_summary(rng: random.Random, story: Story, forms: Forms, form_name: str, guests: list[Story]) -> str:
    """Two to four sentences: an opening that fits the title, facts, and an ending or a detour to the second topic."""
    form = forms.by_name[form_name]
    wanted = rng.choices(SUMMARY_SENTENCES, SUMMARY_WEIGHTS)[0]
    passage = Passage()
    story.open_summary(rng, passage, form, forms.passages["answer"])
    has_ending = wanted > 2 or rng.random() < 0.5
    while len(passage.sentences) < wanted - has_ending:
        is_scene = form_name in SCENIC_FORMS and rng.random() < SCENE_SHARE
        story.say_fact(rng, passage, "scene" if is_scene else "fact")
    if not has_ending:
        return passage.text
    if guests:
        guests[0].say(rng, passage, forms.passages["detour"])
    elif not (rng.random() < QUESTION_SHARE and story.ask(passage)):
        story.close_summary(rng, passage, form)
    return passage.text


def _write_body(rng: random.Random, story: Story, forms: Forms, guests: list[Story]) -> str:
    """Three to six paragraphs, parted by blank lines: a scene first, a farewell last, a second topic in between."""
    wanted = rng.choices(BODY_PARAGRAPHS, BODY_WEIGHTS)[0]
    passages = forms.passages
    paragraphs = [Passage() for _ in range(wanted)]
    guest_place = rng.randrange(1, wanted - 1) if guests else None
    for position, paragraph in enumerate(paragraphs):
        if position == 0:
            story.say_fact(rng, paragraph, "scene")
        elif position == guest_place:
            guests[0].say(rng, paragraph, passages["bridge"])
            guests[0].say_fact(rng, paragraph)
            guests[0].say_fact(rng, paragraph)
        elif rng.random() < 0.6:
            story.say(rng, paragraph, passages["turn"])
        else:
            story.say_fact(rng, paragraph, "scene")
        for kind in rng.sample(("fact", "develop", "fact", "develop"), rng.choice((2, 3, 3, 4))):
            if kind == "develop" or not story.say_fact(rng, paragraph):
                story.say(rng, paragraph, passages["develop"])
    story.say(rng, paragraphs[-1], passages["close"])
    return "\n\n".join(paragraph.text for paragraph in paragraphs)


def _draw_published_at(rng: random.Random, until: datetime) -> datetime:
    """A minute in the two years before `until`, more often a recent one."""
    age = timedelta(days=DAYS * rng.random() ** RECENCY)
    return (until - age).replace(second=0, microsecond=0)
