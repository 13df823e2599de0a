"""What is not what it seems, and what comes out later: known to the truth alone."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from simulation.catalogue import CatalogueItem, generate_catalogue, num_generated
from simulation.truth import INTERESTS
from simulation.worlds import load_world

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
RULES = load_world("default").items
NUM_ITEMS, DAYS = 400, 5


@pytest.fixture(scope="module")
def honest() -> list[CatalogueItem]:
    return list(generate_catalogue(seed=1, num_items=NUM_ITEMS, until=UNTIL))


@pytest.fixture(scope="module")
def masked() -> list[CatalogueItem]:
    return list(generate_catalogue(seed=1, num_items=NUM_ITEMS, until=UNTIL, rules=RULES, num_days=DAYS))


def test_what_the_site_is_told_does_not_depend_on_what_is_unwanted(
    honest: list[CatalogueItem], masked: list[CatalogueItem]
) -> None:
    assert [item.public for item in masked[:NUM_ITEMS]] == [item.public for item in honest]


def test_a_fifth_is_unwanted_half_of_it_look_alikes(masked: list[CatalogueItem]) -> None:
    counts = Counter(item.hidden["kind"] for item in masked)
    assert set(counts) == {"plain", "look-alike", "bait"}
    assert counts["plain"] / len(masked) == pytest.approx(0.8, abs=0.06)
    assert counts["bait"] / (counts["bait"] + counts["look-alike"]) == pytest.approx(0.5, abs=0.17)


def test_only_look_alikes_serve_other_interests_than_they_promise(
    honest: list[CatalogueItem], masked: list[CatalogueItem]
) -> None:
    for promised, true in zip(honest, masked, strict=False):
        shared = sum(min(promised.hidden["interests"][name], true.hidden["interests"][name]) for name in INTERESTS)
        if true.hidden["kind"] == "look-alike":
            assert shared < 0.5
        else:
            assert true.hidden["interests"] == promised.hidden["interests"]
        assert true.hidden["quality"] == promised.hidden["quality"]


def test_new_items_come_out_on_every_day_after_the_end(masked: list[CatalogueItem]) -> None:
    new = [datetime.fromisoformat(item.public["published_at"]) for item in masked[NUM_ITEMS:]]
    assert len(masked) == num_generated(NUM_ITEMS, RULES, DAYS) == NUM_ITEMS + DAYS * 4
    assert Counter((moment - UNTIL) // timedelta(days=1) for moment in new) == dict.fromkeys(range(DAYS), 4)
    titles = [item.public["title"].casefold() for item in masked]
    assert len(set(titles)) == len(titles)
