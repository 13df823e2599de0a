from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from feedback.buckets import BUCKETS, reader_bucket
from feedback.surfaces import Surface
from feedback.tokens import GOOD_FOR, Token, TokenError, accepted_tags, read_token, reader_tag, write_tokens
from feedback.uuid7 import first_uuid7, make_uuid7, time_of_uuid7
from tests.factories import NOW

READER = uuid.UUID("5d2a9b8e-4c6f-4a7e-9d0c-1b2a3c4d5e6f")


def make_token(**fields: object) -> Token:
    defaults = {
        "slate_id": make_uuid7(NOW),
        "visit_id": make_uuid7(NOW),
        "position": 3,
        "item_id": 42,
        "surface": Surface.HOME,
        "reader_bucket": 7,
        "reader_tag": reader_tag(READER),
    }
    return Token(**(defaults | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("surface", Surface)
def test_a_token_says_what_it_was_made_of(surface: Surface) -> None:
    token = make_token(surface=surface, position=65_535, item_id=2**63 - 1, reader_bucket=255)
    (text,) = write_tokens([token])
    assert read_token(text, now=NOW) == token
    assert len(text) == 92


def test_a_token_is_good_for_48_hours_and_no_longer() -> None:
    (text,) = write_tokens([make_token()])
    assert read_token(text, now=NOW + GOOD_FOR)
    with pytest.raises(TokenError, match="expired"):
        read_token(text, now=NOW + GOOD_FOR + timedelta(milliseconds=1))


@given(position=st.integers(0, 91), replacement=st.sampled_from("AZaz09-_.é\0"))
def test_no_changed_character_gets_by(position: int, replacement: str) -> None:
    (text,) = write_tokens([make_token()])
    position %= len(text)
    changed = text[:position] + replacement + text[position + 1 :]
    if changed != text:
        with pytest.raises(TokenError, match="forged"):
            read_token(changed, now=NOW)


@given(st.text(max_size=300))
def test_any_text_is_refused_as_forged(text: str) -> None:
    with pytest.raises(TokenError, match="forged"):
        read_token(text, now=NOW)


def test_tokens_outlive_a_change_of_the_key(settings: Settings) -> None:
    (text,) = write_tokens([make_token()])
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    assert read_token(text, now=NOW).reader_tag in accepted_tags(READER)
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(TokenError, match="forged"):
        read_token(text, now=NOW)


def test_a_token_does_not_show_whose_it_is() -> None:
    assert READER.bytes[:8] != reader_tag(READER)
    assert reader_tag(READER) != reader_tag(uuid.uuid4())


def test_ids_sort_by_time_and_hold_it() -> None:
    earlier, later = make_uuid7(NOW), make_uuid7(NOW + timedelta(milliseconds=1))
    assert first_uuid7(NOW) <= earlier < first_uuid7(NOW + timedelta(milliseconds=1)) <= later
    assert time_of_uuid7(earlier) == NOW
    assert (earlier.version, earlier.variant) == (7, uuid.RFC_4122)


def test_time_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="not a UUID of version 7"):
        time_of_uuid7(READER)


def test_the_bucket_of_a_reader_is_fixed_for_ever() -> None:
    assert reader_bucket(READER) == 93
    assert len({reader_bucket(uuid.UUID(int=number)) for number in range(4_000)}) == BUCKETS
