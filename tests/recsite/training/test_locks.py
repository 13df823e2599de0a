"""Locks that end with the process that holds them."""

from __future__ import annotations

import pytest

from recsite.training.locks import COUNTING, advisory_lock

pytestmark = pytest.mark.django_db


def test_a_lock_that_was_given_back_is_free_at_once() -> None:
    taken = []
    for _ in range(40):
        with advisory_lock(COUNTING) as lock:
            taken.append(lock is not None)
    assert all(taken)


def test_a_lock_is_not_given_twice() -> None:
    with advisory_lock(COUNTING) as first, advisory_lock(COUNTING) as second:
        assert first is not None
        assert second is None
