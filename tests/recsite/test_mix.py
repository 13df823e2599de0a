from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings

from feedback.interactions import record_click, record_state, take_back
from feedback.kinds import Kind
from feedback.slates import Named
from recsite.mix import serve_mix, serve_newest
from recsite.popularity import popularity, refresh_popularity
from recsite.reader_state import ReaderState, read_state, with_topics
from recsite.similar import serve_similar
from recsite.slates import NO_RELEASE, Slate
from tests.factories import NOW, make_author, make_item, make_reader, make_topic

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ANYBODY = ReaderState()


def ids(slate: Slate) -> list[int]:
    return [entry.item_id for entry in slate.entries]


def test_an_unknown_reader_gets_the_newest() -> None:
    old, new = make_item(age_days=30), make_item(age_days=1)
    assert ids(serve_mix(state=ANYBODY, shown=(), now=NOW, limit=5, fallback=NO_RELEASE)) == [new.pk, old.pk]


def test_a_scroll_shows_every_item_once_and_then_ends() -> None:
    everything = {make_item(age_days=days).pk for days in range(1, 24)}
    shown: tuple[int, ...] = ()
    while True:
        slate = serve_mix(state=ANYBODY, shown=shown, now=NOW, limit=5, fallback=NO_RELEASE)
        shown += tuple(ids(slate))
        if slate.is_end:
            break
    assert len(shown) == len(set(shown)) == 23
    assert set(shown) == everything


def test_positions_go_on_from_page_to_page() -> None:
    for days in range(1, 8):
        make_item(age_days=days)
    first = serve_mix(state=ANYBODY, shown=(), now=NOW, limit=4, fallback=NO_RELEASE)
    second = serve_mix(state=ANYBODY, shown=tuple(ids(first)), now=NOW, limit=4, fallback=NO_RELEASE)
    assert [entry.position for entry in (*first.entries, *second.entries)] == list(range(7))


def test_a_page_that_holds_exactly_what_is_left_is_the_end() -> None:
    make_item()
    make_item()
    assert serve_mix(state=ANYBODY, shown=(), now=NOW, limit=2, fallback=NO_RELEASE).is_end
    assert not serve_mix(state=ANYBODY, shown=(), now=NOW, limit=1, fallback=NO_RELEASE).is_end


def test_an_empty_catalogue_is_an_empty_slate() -> None:
    slate = serve_mix(state=ANYBODY, shown=(), now=NOW, limit=5, fallback=NO_RELEASE)
    assert (slate.entries, slate.is_end) == ((), True)


def test_followed_topics_come_first_and_say_so() -> None:
    followed = make_item(topics=["Jazz"], age_days=100)
    for days in range(1, 5):
        make_item(topics=["Birds"], age_days=days)
    reader = make_reader()
    record_state(reader=reader, kind=Kind.FOLLOW, about=make_topic("Jazz"), now=NOW)
    slate = serve_mix(
        state=read_state(reader=reader, now=NOW, languages=frozenset()), shown=(), now=NOW, limit=5, fallback=NO_RELEASE
    )
    assert (slate.entries[0].item_id, slate.entries[0].source) == (followed.pk, "followed")


def test_followed_authors_count_too() -> None:
    followed = make_item(author="Ida Blom", age_days=100)
    make_item(age_days=1)
    reader = make_reader()
    record_state(reader=reader, kind=Kind.FOLLOW, about=make_author("Ida Blom"), now=NOW)
    slate = serve_mix(
        state=read_state(reader=reader, now=NOW, languages=frozenset()), shown=(), now=NOW, limit=5, fallback=NO_RELEASE
    )
    assert slate.entries[0].item_id == followed.pk


def test_somebody_who_is_still_choosing_already_sees_the_choice() -> None:
    chosen = make_item(topics=["Jazz"], age_days=100)
    make_item(age_days=1)
    state = with_topics(ANYBODY, frozenset({make_topic("Jazz").pk}))
    assert ids(serve_mix(state=state, shown=(), now=NOW, limit=1, fallback=NO_RELEASE)) == [chosen.pk]


def test_what_others_saved_is_popular() -> None:
    popular, new = make_item(age_days=50), make_item(age_days=1)
    record_state(reader=make_reader(), kind=Kind.SAVE, about=popular, now=NOW)
    refresh_popularity(now=NOW)
    slate = serve_mix(state=ANYBODY, shown=(), now=NOW, limit=5, fallback=NO_RELEASE)
    assert [(entry.item_id, entry.source) for entry in slate.entries] == [(popular.pk, "popular"), (new.pk, "fresh")]


def test_what_the_reader_opened_is_not_shown_again() -> None:
    opened, other = make_item(), make_item()
    reader = make_reader()
    record_click(reader=reader, item=opened, now=NOW)
    assert ids(
        serve_mix(
            state=read_state(reader=reader, now=NOW, languages=frozenset()),
            shown=(),
            now=NOW,
            limit=5,
            fallback=NO_RELEASE,
        )
    ) == [other.pk]


def test_hidden_and_future_items_are_not_shown_from_any_source() -> None:
    reader = make_reader()
    for fields in ({"hidden": True}, {"age_days": -1}):
        item = make_item(topics=["Jazz"], **fields)
        record_state(reader=make_reader(), kind=Kind.SAVE, about=item, now=NOW)
    record_state(reader=reader, kind=Kind.FOLLOW, about=make_topic("Jazz"), now=NOW)
    state = read_state(reader=reader, now=NOW, languages=frozenset())
    assert ids(serve_mix(state=state, shown=(), now=NOW, limit=5, fallback=NO_RELEASE)) == []


def test_only_chosen_languages_are_shown_from_every_source() -> None:
    german, english = make_item(language="de"), make_item(language="en")
    for item in (german, english):
        record_state(reader=make_reader(), kind=Kind.SAVE, about=item, now=NOW)
    state = ReaderState(languages=frozenset({"de"}))
    assert ids(serve_mix(state=state, shown=(), now=NOW, limit=5, fallback=NO_RELEASE)) == [german.pk]


def test_the_feed_does_not_need_redis(settings: Settings) -> None:
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}}
    item = make_item()
    assert ids(serve_mix(state=ANYBODY, shown=(), now=NOW, limit=5, fallback=NO_RELEASE)) == [item.pk]


def test_an_item_hidden_after_the_last_count_is_not_popular() -> None:
    item = make_item()
    record_state(reader=make_reader(), kind=Kind.SAVE, about=item, now=NOW)
    refresh_popularity(now=NOW)
    type(item).objects.update(hidden=True)
    assert ids(serve_mix(state=ANYBODY, shown=(), now=NOW, limit=5, fallback=NO_RELEASE)) == []


@pytest.mark.parametrize("kind", [Kind.DISMISS, Kind.ALREADY_SEEN])
def test_what_the_reader_rejected_leaves_every_recommending_surface_until_it_is_taken_back(kind: Kind) -> None:
    item, rejected = make_item(topics=["Jazz"]), make_item(topics=["Jazz"], age_days=3)
    reader = make_reader()
    record_state(reader=reader, kind=kind, about=rejected, now=NOW)
    state = read_state(reader=reader, now=NOW, languages=frozenset())
    home = serve_mix(state=state, shown=(), now=NOW, limit=5, fallback=NO_RELEASE)
    assert ids(home) == [item.pk]
    assert home.removed_counts() == {str(kind).replace("dismiss", "dismissed"): 1}
    assert ids(serve_similar(item=item, state=state, now=NOW, limit=5)) == []
    take_back(reader=reader, kind=kind, about=rejected, now=NOW)
    assert (
        len(
            ids(
                serve_mix(
                    state=read_state(reader=reader, now=NOW, languages=frozenset()),
                    shown=(),
                    now=NOW,
                    limit=5,
                    fallback=NO_RELEASE,
                )
            )
        )
        == 2
    )


def test_items_of_a_hidden_topic_or_author_are_not_recommended() -> None:
    make_item(topics=["Jazz", "Cities"])
    make_item(author="Ida Blom")
    other = make_item(topics=["Cities"])
    reader = make_reader()
    record_state(reader=reader, kind=Kind.HIDE_TOPIC, about=make_topic("Jazz"), now=NOW)
    record_state(reader=reader, kind=Kind.HIDE_AUTHOR, about=make_author("Ida Blom"), now=NOW)
    slate = serve_mix(
        state=read_state(reader=reader, now=NOW, languages=frozenset()), shown=(), now=NOW, limit=5, fallback=NO_RELEASE
    )
    assert ids(slate) == [other.pk]
    assert slate.removed_counts() == {"hidden_topic": 1, "hidden_author": 1}


def test_without_personalisation_only_what_everybody_does_counts_and_what_was_hidden_stays_hidden() -> None:
    followed, opened, dismissed = make_item(topics=["Jazz"], age_days=50), make_item(), make_item()
    reader = make_reader()
    record_state(reader=reader, kind=Kind.FOLLOW, about=make_topic("Jazz"), now=NOW)
    record_click(reader=reader, item=opened, now=NOW)
    record_state(reader=reader, kind=Kind.DISMISS, about=dismissed, now=NOW)
    state = read_state(reader=reader, now=NOW, languages=frozenset(), personalised=False)
    slate = serve_mix(state=state, shown=(), now=NOW, limit=5, fallback=NO_RELEASE)
    assert set(ids(slate)) == {opened.pk, followed.pk}
    assert {entry.source for entry in slate.entries} == {"popular", "fresh"}


def test_every_source_that_named_an_item_is_kept_with_its_score_and_rank() -> None:
    newest, popular = make_item(age_days=1), make_item(age_days=9)
    record_state(reader=make_reader(), kind=Kind.SAVE, about=popular, now=NOW)
    slate = serve_mix(state=ANYBODY, shown=(), now=NOW, limit=5, fallback=NO_RELEASE)
    named = {entry.item_id: entry.named_by for entry in slate.entries}
    assert named[popular.pk] == (Named("popular", 3.0, 0), Named("fresh", None, 1))
    assert named[newest.pk] == (Named("fresh", None, 0),)
    assert slate.counts_as_of == NOW


def test_newest_goes_by_date_alone_and_leaves_out_what_the_reader_does_not_want() -> None:
    old, new, opened = make_item(age_days=30), make_item(age_days=1), make_item(age_days=2)
    record_state(reader=make_reader(), kind=Kind.SAVE, about=old, now=NOW)
    reader = make_reader()
    record_click(reader=reader, item=opened, now=NOW)
    state = read_state(reader=reader, now=NOW, languages=frozenset())
    slate = serve_newest(state=state, shown=(), now=NOW, limit=5, fallback="why")
    assert ids(slate) == [new.pk, old.pk]
    assert (slate.policy.name, slate.policy.fallback, slate.is_end) == ("newest", "why", True)


def test_no_page_has_counts_of_its_own_future_or_of_long_before() -> None:
    for stranger in (timedelta(minutes=1), timedelta(hours=-1)):
        refresh_popularity(now=NOW + stranger)
        assert popularity(NOW)[0] == NOW
    refresh_popularity(now=NOW - timedelta(minutes=1))
    assert popularity(NOW)[0] == NOW - timedelta(minutes=1)
