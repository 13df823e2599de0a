"""What staff pinned stands at its position, for whoever may be shown it, and costs a page nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from catalog.models import Item
from feedback.models import Slate as SlateRow
from feedback.models import SlateDetail
from ranking.propensity import Branch
from ranking.replay import replay_propensities
from recsite import slates
from recsite.cards import slate_cards
from recsite.feed import next_page
from recsite.mix import serve_mix, serve_newest
from recsite.models import PinnedItem
from recsite.personal_page import Page, PageRequest, make_page
from recsite.personal_slate import slate_of
from recsite.pins import PINNED, Pinned, board
from recsite.reader_state import ReaderState, read_state
from recsite.releases.changes import PINS
from recsite.releases.live import Serving, Shelf
from recsite.serving import recommend, serve_home
from recsite.viewers import Viewer
from retrieval.content import ITEM_CONTENT
from tests.factories import make_item, make_reader
from tests.recsite.funnel.world import small_funnel
from tests.recsite.released import NOW, RELEASE, FakeShelf, make_lover, make_world, put_live
from tests.retrieval.worlds import ODD_TOPIC, START, catalogue

pytestmark = pytest.mark.django_db
STRANGER = 500
ANYBODY = ReaderState()


@pytest.fixture(autouse=True)
def no_pins_left() -> Iterator[None]:
    yield
    board().forget()


@pytest.fixture
def items() -> dict[int, Item]:
    return make_world()


def pinned(*places: tuple[int, int]) -> tuple[Pinned, ...]:
    """Of (position, item id)."""
    return tuple(Pinned(position, item_id, START) for position, item_id in places)


def page_of(state: ReaderState, *pins: tuple[int, int], **changes: Any) -> Page:
    values = {"state": state, "shown": (), "now": NOW, "size": 6, "pinned": pinned(*pins), **changes}
    funnel = values.pop("funnel", None) or small_funnel()
    return make_page(funnel, PageRequest(**values))


def lover(parity: int, items: dict[int, Item]) -> ReaderState:
    return read_state(reader=make_lover(parity, items), languages=frozenset(), now=NOW)


def with_a_stranger() -> pa.Table:
    """The catalogue and an item that no source names."""
    stranger = {"item_id": STRANGER, "title": "", "summary": "", "topics": [ODD_TOPIC], "author": 1, "language": "en"}
    return pa.concat_tables([catalogue(), pa.Table.from_pylist([stranger], schema=ITEM_CONTENT)])


def write_pin(item: Item, position: int, **fields: Any) -> PinnedItem:
    values = {"since": START, "by": "ida", "reason": "because"} | fields
    pin = PinnedItem.objects.create(item=item, position=position, **values)
    board().refresh()
    return pin


def last_of(page: Page) -> int:
    """A candidate that is not on the page."""
    return int(page.drawn.ranked.item_ids[-1])


# --- a release's page ---


def test_a_pinned_item_stands_at_its_position_below_the_best_of_the_others(items: dict[int, Item]) -> None:
    state = lover(0, items)
    before = page_of(state)
    item_id = last_of(before)
    page = page_of(state, (2, item_id))
    slot = page.drawn.slots[2]
    assert (slot.item_id, slot.branch, slot.propensity) == (item_id, Branch.PINNED, None)
    assert {each.branch for each in page.drawn.slots if each is not slot} == {Branch.GREEDY}
    assert page.drawn.item_ids[:2] == before.drawn.item_ids[:2]
    assert len(set(page.drawn.item_ids)) == 6
    assert item_id not in page.drawn.ranked.item_ids


def test_a_pinned_item_that_no_source_named_has_features_too(items: dict[int, Item]) -> None:
    make_item(pk=STRANGER, published_at=START)
    page = page_of(lover(0, items), (0, STRANGER), funnel=small_funnel(items=with_a_stranger()))
    slate = slate_of(page, release=RELEASE, fallback=None)
    assert page.slot_features().shape == (6, len(page.funnel.ranker.feature_set))
    entry = slate.entries[0]
    assert (entry.item_id, entry.source, entry.named_by, entry.score) == (STRANGER, PINNED, (), None)


def test_a_pinned_item_that_sources_named_keeps_what_they_said(items: dict[int, Item]) -> None:
    state = lover(0, items)
    item_id = last_of(page_of(state))
    entry = slate_of(page_of(state, (0, item_id)), release=RELEASE, fallback=None).entries[0]
    assert (entry.item_id, entry.branch) == (item_id, SlateRow.Branch.PINNED)
    assert entry.named_by
    assert entry.source in {named.source for named in entry.named_by}


def test_without_pins_the_page_is_what_it_was_and_as_many_queries(items: dict[int, Item]) -> None:
    state, kept_from = lover(0, items), last_of(page_of(lover(0, items)))
    with CaptureQueriesContext(connection) as usual:
        plain = page_of(state, exploration_share=0.5, seed=3)
    with CaptureQueriesContext(connection) as with_pins:
        page_of(state, (0, kept_from), exploration_share=0.5, seed=3)
    assert len(usual) == len(with_pins)
    refused = replace(state, dismissed=frozenset({kept_from}))
    for nothing in ((), ((0, kept_from),)):
        page = page_of(refused, *nothing, exploration_share=0.5, seed=3)
        assert page.drawn.slots == page_of(refused, exploration_share=0.5, seed=3).drawn.slots
    assert plain.rules.pins == ()


@pytest.mark.parametrize(
    "change",
    [
        {"dismissed": frozenset({101})},
        {"already_seen": frozenset({101})},
        {"consumed": frozenset({101})},
        {"chosen": frozenset({101})},
        {"hidden_topic_ids": frozenset({ODD_TOPIC})},
        {"hidden_author_ids": frozenset({101 % 3})},
        {"languages": frozenset({"de"})},
    ],
    ids=lambda change: next(iter(change)),
)
def test_who_does_not_want_it_is_not_shown_it(items: dict[int, Item], change: dict[str, Any]) -> None:
    """And is asked for with no query more."""
    Item.objects.filter(pk__lt=120).exclude(pk=101).update(language="de")
    in_german = [name if item_id == 101 else "de" for item_id, name in zip(*catalogue_columns(), strict=True)]
    table = catalogue().set_column(catalogue().schema.get_field_index("language"), "language", pa.array(in_german))
    funnel = small_funnel(items=table)
    state = replace(lover(0, items), **change)
    with CaptureQueriesContext(connection) as usual:
        without = page_of(state, funnel=funnel)
    with CaptureQueriesContext(connection) as with_pins:
        page = page_of(state, (0, 101), funnel=funnel)
    assert 101 not in page.drawn.item_ids
    assert Branch.PINNED not in {slot.branch for slot in page.drawn.slots}
    assert page.drawn.item_ids == without.drawn.item_ids
    assert len(usual) == len(with_pins)


def catalogue_columns() -> tuple[Sequence[int], Sequence[str]]:
    return catalogue()["item_id"].to_pylist(), catalogue()["language"].to_pylist()


def test_what_was_hidden_a_moment_ago_is_not_pinned(items: dict[int, Item]) -> None:
    """The catalogue of this process has it still."""
    Item.objects.filter(pk=101).update(hidden=True)
    page = page_of(lover(0, items), (0, 101))
    assert 101 not in page.drawn.item_ids
    assert page.removed[101] == "not_public"
    assert len(page.drawn.slots) == 6


def test_what_is_not_out_yet_or_not_known_is_not_pinned(items: dict[int, Item]) -> None:
    Item.objects.filter(pk=101).update(published_at=NOW + timedelta(days=1))
    page = page_of(lover(0, items), (0, 101), (1, STRANGER))
    assert not {101, STRANGER} & set(page.drawn.item_ids)


def test_a_scroll_shows_it_once(items: dict[int, Item]) -> None:
    state = lover(0, items)
    item_id = last_of(page_of(state))
    first = page_of(state, (1, item_id), (7, 101), size=4).drawn
    assert first.item_ids[1] == item_id
    assert 101 not in first.item_ids
    second = page_of(state, (1, item_id), (7, 101), size=6, shown=first.item_ids).drawn
    assert item_id not in second.item_ids
    assert second.item_ids[3] == 101
    assert second.slots[3].branch == Branch.PINNED


def test_propensities_of_a_page_with_a_pin_are_replayed(items: dict[int, Item]) -> None:
    make_item(pk=STRANGER, published_at=START)
    for seed in range(8):
        funnel = small_funnel(items=with_a_stranger())
        drawn = page_of(lover(0, items), (0, STRANGER), (3, 101), funnel=funnel, exploration_share=0.5, seed=seed).drawn
        assert drawn.slots[0].item_id == STRANGER
        replayed = replay_propensities(drawn.slots, drawn.pool, drawn.parameters)
        assert replayed == pytest.approx([slot.propensity for slot in drawn.slots])
        assert (replayed[0], replayed[3]) == (None, None)


# --- by rules ---


def mixed(state: ReaderState, *pins: tuple[int, int], shown: tuple[int, ...] = (), limit: int = 6) -> slates.Slate:
    return serve_mix(state=state, shown=shown, now=NOW, limit=limit, fallback=slates.NO_RELEASE, pinned=pinned(*pins))


def ids(slate: slates.Slate) -> list[int]:
    return [entry.item_id for entry in slate.entries]


def test_rules_put_it_there_too(items: dict[int, Item]) -> None:
    before = mixed(ANYBODY)
    slate = mixed(ANYBODY, (2, 101))
    others = [item_id for item_id in ids(before) if item_id != 101]
    assert ids(slate) == [*others[:2], 101, *others[2:]][:6]
    assert [entry.position for entry in slate.entries] == list(range(6))
    assert (slate.entries[2].branch, slate.entries[2].propensity) == (SlateRow.Branch.PINNED, None)
    assert {entry.branch for entry in slate.entries if entry.item_id != 101} == {SlateRow.Branch.FALLBACK}
    assert 101 not in slate.candidates.item_ids


@pytest.mark.parametrize(
    "state",
    [
        ReaderState(dismissed=frozenset({101})),
        ReaderState(consumed=frozenset({101})),
        ReaderState(chosen=frozenset({101})),
        ReaderState(hidden_topic_ids=frozenset({ODD_TOPIC})),
        ReaderState(hidden_author_ids=frozenset({101 % 3})),
    ],
    ids=["dismissed", "consumed", "chosen", "topic", "author"],
)
def test_rules_ask_the_reader_too(items: dict[int, Item], state: ReaderState) -> None:
    slate = mixed(state, (0, 101))
    assert SlateRow.Branch.PINNED not in {entry.branch for entry in slate.entries}
    assert slate.entries == mixed(state).entries


def test_rules_ask_for_the_language_and_for_what_is_public(items: dict[int, Item]) -> None:
    Item.objects.filter(pk=101).update(language="de")
    Item.objects.filter(pk=102).update(hidden=True)
    Item.objects.filter(pk=103).update(published_at=NOW + timedelta(days=1))
    english = ReaderState(languages=frozenset({"en"}))
    slate = mixed(english, (0, 101), (1, 102), (2, 103), (3, STRANGER))
    assert not {101, 102, 103, STRANGER} & set(ids(slate))
    assert ids(mixed(ReaderState(languages=frozenset({"de"})), (0, 101))) == [101]


def test_a_scroll_by_rules_shows_everything_once_and_then_ends(items: dict[int, Item]) -> None:
    shown: tuple[int, ...] = ()
    while True:
        slate = mixed(ANYBODY, (1, 101), (7, 102), shown=shown, limit=5)
        shown += tuple(ids(slate))
        if slate.is_end:
            break
    assert (shown[1], shown[7]) == (101, 102)
    assert sorted(shown) == sorted(items)


def test_the_newest_alone_come_without_pins(items: dict[int, Item]) -> None:
    write_pin(items[101], 0)
    slate = serve_newest(state=ANYBODY, shown=(), now=NOW, limit=6, fallback=slates.RULES_FAILED)
    assert SlateRow.Branch.PINNED not in {entry.branch for entry in slate.entries}


def test_rules_ask_the_database_as_often_with_pins(items: dict[int, Item]) -> None:
    mixed(ANYBODY)  # counts what is popular
    with CaptureQueriesContext(connection) as usual:
        mixed(ANYBODY)
    with CaptureQueriesContext(connection) as with_pins:
        mixed(ANYBODY, (0, 101), (4, 102))
    assert len(usual) == len(with_pins)


# --- what a process knows ---


def test_the_board_shows_what_holds(items: dict[int, Item]) -> None:
    write_pin(items[101], 0, since=NOW, until=NOW + timedelta(hours=1))
    write_pin(items[102], 1)
    write_pin(items[103], 2, taken_down_at=NOW)
    write_pin(items[104], 3, since=NOW + timedelta(minutes=30))

    def standing(at: datetime) -> list[tuple[int, int]]:
        return [(pin.position, pin.item_id) for pin in board().at(at)]

    assert standing(NOW - timedelta(seconds=1)) == [(1, 102)]
    assert standing(NOW) == [(0, 101), (1, 102)]
    assert standing(NOW + timedelta(minutes=30)) == [(0, 101), (1, 102), (3, 104)]
    assert standing(NOW + timedelta(hours=1)) == [(1, 102), (3, 104)]


def test_a_database_that_does_not_answer_leaves_the_board_as_it_was(
    items: dict[int, Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pin(items[101], 0)

    def broken(*_args: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr("django.db.models.query.QuerySet.__iter__", broken)
    board().refresh()
    assert [pin.item_id for pin in board().at(NOW)] == [101]


def test_whoever_hears_of_a_change_reads_it_at_once_also_without_a_release(items: dict[int, Item]) -> None:
    PinnedItem.objects.create(item=items[101], position=0, since=START, by="ida", reason="because")
    assert board().at(NOW) == ()
    Shelf().refresh(now=NOW, heard=frozenset({PINS}))
    assert [pin.item_id for pin in board().at(NOW)] == [101]


# --- the home feed ---


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> FakeShelf:
    settings.EXPLORATION_SHARE = 0.0
    return put_live(monkeypatch)


def home(state: ReaderState = ANYBODY) -> slates.Slate:
    return serve_home(state=state, shown=(), now=NOW, limit=6)


def test_everybody_is_shown_it_by_whatever_serves(items: dict[int, Item], live: FakeShelf) -> None:
    write_pin(items[101], 1)
    for state in (ANYBODY, lover(0, items), replace(ANYBODY, personalised=False)):
        assert ids(home(state))[1] == 101
    live.live = None
    slate = home()
    assert (slate.policy.name, ids(slate)[1]) == ("mix", 101)


def test_a_pin_that_is_taken_down_is_gone_with_the_next_look(items: dict[int, Item], live: FakeShelf) -> None:
    pin = write_pin(items[101], 0)
    assert home().entries[0].branch == SlateRow.Branch.PINNED
    PinnedItem.objects.filter(pk=pin.pk).update(taken_down_at=NOW)
    board().refresh()
    assert SlateRow.Branch.PINNED not in {entry.branch for entry in home().entries}


def test_what_staff_try_out_has_the_pins_too(items: dict[int, Item], live: FakeShelf) -> None:
    write_pin(items[101], 1)
    page = recommend(state=ANYBODY, serving=Serving(RELEASE, small_funnel()), now=NOW, limit=6)
    assert page.drawn.item_ids[1] == 101


@pytest.mark.parametrize("by_release", [True, False])
def test_a_pinned_slot_is_recorded_as_such_and_its_card_says_who_chose_it(
    items: dict[int, Item], live: FakeShelf, by_release: bool
) -> None:
    if not by_release:
        live.live = None
    write_pin(items[101], 1)
    reader = make_reader()
    viewer = Viewer(reader=reader, public_id=reader.public_id, languages=frozenset())
    page = next_page(viewer=viewer, cursor="", now=NOW, limit=6)
    row = SlateRow.objects.get(pk=page.slate.id)
    assert (row.items[1], row.branches[1], row.propensities[1]) == (101, SlateRow.Branch.PINNED, None)
    assert (row.release is not None, SlateDetail.objects.filter(slate_id=row.id).exists()) == (by_release, True)
    cards = slate_cards(page.slate, reader=reader, followed_topic_ids=frozenset())
    assert cards[1].reason == "Chosen by the editors of this site"
