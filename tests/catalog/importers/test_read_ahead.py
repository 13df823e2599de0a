from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from catalog.importers.read_ahead import read_ahead
from tests.waiting import wait_until


def test_items_come_in_their_order() -> None:
    assert list(read_ahead(iter([1, None, 3]))) == [1, None, 3]
    assert list(read_ahead(iter([]))) == []


def test_the_next_item_is_made_while_the_caller_has_the_present_one() -> None:
    second_is_made = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        second_is_made.set()
        yield 2

    ahead = read_ahead(items())
    assert next(ahead) == 1
    wait_until(second_is_made.is_set, "the second item is made")


def test_an_error_is_raised_where_its_item_was_due() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("the second cannot be made")

    ahead = read_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="the second cannot be made"):
        next(ahead)
