"""Databases that are copied whole."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from benchmarks.loop_databases import Databases
from tests.addresses import url_of_test_database

FIRST, SECOND = "loop-first", "loop-second"


@pytest.fixture
def databases(db: None) -> Iterator[Databases]:
    found = Databases(url_of_test_database())
    yield found
    for name in (FIRST, SECOND):
        found.drop(name)


def test_a_copy_has_what_was_there_and_goes_its_own_way(databases: Databases) -> None:
    databases.create(FIRST)
    with psycopg.connect(databases.url_of(FIRST)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    databases.create(SECOND, like=FIRST)
    with psycopg.connect(databases.url_of(SECOND)) as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
        assert connection.execute("SELECT number FROM kept ORDER BY 1").fetchall() == [(1,), (2,)]
    with psycopg.connect(databases.url_of(FIRST)) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]


def test_one_that_is_there_is_replaced_and_whoever_uses_it_is_thrown_out(databases: Databases) -> None:
    databases.create(FIRST)
    with psycopg.connect(databases.url_of(FIRST), autocommit=True) as connection:
        connection.execute("CREATE TABLE gone (number int)")
        databases.create(FIRST)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT * FROM gone")
    assert databases.exists(FIRST)
    databases.drop(FIRST)
    assert not databases.exists(FIRST)
