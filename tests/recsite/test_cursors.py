from __future__ import annotations

import pytest

from recsite.cursors import SHOWN_MAX, CursorError, read_cursor, write_cursor

REQUEST_LINE_MAX_BYTES = 8_190


@pytest.mark.parametrize("shown", [(), (7,), (3, 1, 2), tuple(range(500))])
def test_a_cursor_gives_back_what_was_shown_in_order(shown: tuple[int, ...]) -> None:
    assert read_cursor(write_cursor(shown)) == shown


def test_no_cursor_is_the_beginning() -> None:
    assert read_cursor("") == ()


@pytest.mark.parametrize(
    "cursor", ["nonsense", "a:b:c", write_cursor((1, 2))[:-1]], ids=["a word", "parts", "a letter off"]
)
def test_a_cursor_that_we_did_not_make_is_refused(cursor: str) -> None:
    with pytest.raises(CursorError):
        read_cursor(cursor)


def test_the_longest_scroll_fits_into_a_request_line() -> None:
    worst = tuple(9_999_999_999 - 7_919 * n * n for n in range(SHOWN_MAX))
    assert len(write_cursor(worst)) < REQUEST_LINE_MAX_BYTES - 200
