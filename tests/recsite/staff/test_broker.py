from __future__ import annotations

from collections.abc import Iterator

import pytest
from django_celery_beat.models import PeriodicTask
from pytest_django.fixtures import Settings

from recsite.staff import broker
from recsite.staff.broker import BrokerDown

# In a queue of nobody's: no worker of another test may take it away.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_queue")]
QUEUE = "nobodys"


@pytest.fixture
def own_queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(broker, "QUEUES", (QUEUE,))
    yield
    try:
        with broker._connection() as connection, connection.channel() as channel:
            channel.client.delete(QUEUE)
    except BrokerDown:
        pass


def test_a_job_that_is_sent_waits_in_its_queue() -> None:
    before = broker.queue_lengths()[QUEUE]
    assert broker.send(PeriodicTask(task="recsite.tasks.keep_log", queue=QUEUE))
    assert broker.queue_lengths() == {QUEUE: before + 1}


def test_where_nobody_works_no_worker_is_named() -> None:
    assert broker.workers() == []


@pytest.mark.parametrize("call", [broker.queue_lengths, broker.workers, lambda: broker.send(PeriodicTask(task="t"))])
def test_a_dead_queue_is_a_sentence(settings: Settings, call: object) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(BrokerDown, match="Look whether Redis runs"):
        call()  # type: ignore[operator]
