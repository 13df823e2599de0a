from __future__ import annotations

import pytest

from ranking.reason_text import Names, reason_text
from ranking.reasons import Reason, Why

NAMES = Names(items={7: "Ants {and} bees"}, topics={3: "Insects"}, authors={9: "Maria Merian"})


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (Reason(Why.LIKED_ITEM, item_id=7), "Because you liked “Ants {and} bees”"),
        (Reason(Why.CHOSEN_ITEM, item_id=7), "Because you opened “Ants {and} bees”"),
        (Reason(Why.FOLLOWED_AUTHOR, author=9), "From Maria Merian, whom you follow"),
        (Reason(Why.POPULAR_IN_TOPIC, topic=3), "Popular in Insects"),
        (Reason(Why.NEW_FROM_AUTHOR, author=9), "New from Maria Merian"),
        (Reason(Why.TRENDING), "Popular right now"),
        (Reason(Why.DIFFERENT), "Something different, picked at random"),
    ],
    ids=lambda value: str(getattr(value, "why", "")),
)
def test_reasons_in_words(reason: Reason, text: str) -> None:
    assert reason_text(reason, NAMES) == text


def test_a_title_with_quotation_marks_gets_no_more_of_them() -> None:
    names = Names(items={7: "“Sour” and Other Words"})
    assert reason_text(Reason(Why.LIKED_ITEM, item_id=7), names) == "Because you liked “Sour” and Other Words"


def test_what_has_no_name_any_more_is_not_named() -> None:
    assert reason_text(Reason(Why.LIKED_ITEM, item_id=8), NAMES) == "Because of something you liked"
    assert reason_text(Reason(Why.POPULAR_IN_TOPIC, topic=4), NAMES) == "Popular in its topic"


@pytest.mark.parametrize("why", Why)
def test_every_reason_has_words_with_names_and_without(why: Why) -> None:
    named = reason_text(Reason(why, item_id=7, topic=3, author=9), NAMES)
    nameless = reason_text(Reason(why), Names())
    for text in (named, nameless):
        assert text
        assert "  " not in text
        assert not text.endswith((".", " "))
