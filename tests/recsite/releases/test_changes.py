from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection, transaction

from recsite.releases.changes import CHANNEL, ITEMS, RELEASE, Listener, listen_until, notify
from tests.recsite.releases.rows import make_live

pytestmark = pytest.mark.django_db(transaction=True)
LONG_S = 30.0


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    assert listener.open()
    yield listener
    listener.close()


def test_what_is_told_is_heard_once(listener: Listener) -> None:
    notify(ITEMS)

    assert listener.wait(LONG_S) == {ITEMS}
    assert listener.wait(0.01) == frozenset()


def test_burst_is_one_change(listener: Listener) -> None:
    with transaction.atomic():
        notify(ITEMS)
        notify(ITEMS)
        notify(RELEASE)

    assert listener.wait(LONG_S) == {ITEMS, RELEASE}


def test_nothing_is_heard_of_what_was_taken_back(listener: Listener) -> None:
    with transaction.atomic():
        notify(RELEASE)
        transaction.set_rollback(True)
    notify(ITEMS)

    assert listener.wait(LONG_S) == {ITEMS}


def test_promotion_is_heard(listener: Listener) -> None:
    make_live()

    assert listener.wait(LONG_S) == {RELEASE}


def test_connection_that_was_cut_is_made_anew(listener: Listener) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = %s AND pid <> pg_backend_pid()",
            [f"LISTEN {CHANNEL}"],
        )
    assert listener.wait(LONG_S) == frozenset()  # what was told meanwhile is lost: the caller looks for itself

    assert listener.open()
    notify(ITEMS)
    assert listener.wait(LONG_S) == {ITEMS}


def test_database_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(**_parameters: object) -> None:
        raise psycopg.OperationalError("no route to host")

    listener = Listener()
    with monkeypatch.context() as patch:
        patch.setattr(psycopg, "connect", refuses)
        assert not listener.open()
        assert listener.wait(0.01) == frozenset()
    assert listener.open()
    listener.close()


def test_listening_ends_when_told_to_and_looks_once_before_anything_is_said() -> None:
    listener, told, looked = Listener(), [], threading.Event()

    def react(what: frozenset[str]) -> None:
        told.append(what)
        looked.set()

    thread = threading.Thread(target=listen_until, args=(listener, react), kwargs={"every_s": LONG_S})
    thread.start()
    assert looked.wait(LONG_S)
    looked.clear()
    notify(RELEASE)
    assert looked.wait(LONG_S)
    listener.stop()
    thread.join(LONG_S)

    assert not thread.is_alive()
    assert told == [frozenset(), {RELEASE}]
