from __future__ import annotations

from unittest.mock import Mock

import pytest
from django.test import Client
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks

from catalog.models import Item
from recsite import tasks
from recsite.publishing import tell_workers_of_items
from tests.factories import make_item

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Mock:
    sent = Mock()
    monkeypatch.setattr(tasks.embed_new_items, "apply_async", sent)
    return sent


def test_workers_are_told_when_what_was_written_can_be_seen(
    sent: Mock, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        tell_workers_of_items()
        assert not sent.called
    assert sent.call_count == 1


def test_without_a_broker_publishing_goes_on(
    sent: Mock, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    sent.side_effect = OperationalError("nobody there")
    with django_capture_on_commit_callbacks(execute=True):
        tell_workers_of_items()
    assert sent.called


def test_staff_who_save_an_item_tell_workers(
    sent: Mock, admin_client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    item = make_item("Old title")
    page = f"/admin/catalog/item/{item.pk}/change/"
    form = admin_client.get(page).context["adminform"].form
    values = {name: "" if value is None else value for name, value in form.initial.items()}
    moment = item.published_at
    values |= {
        "title": "New title",
        "attributes": "{}",
        "published_at_0": moment.date().isoformat(),
        "published_at_1": moment.time().isoformat(timespec="seconds"),
        "Item_topics-TOTAL_FORMS": "0",
        "Item_topics-INITIAL_FORMS": "0",
        "itemtopic_set-TOTAL_FORMS": "0",
        "itemtopic_set-INITIAL_FORMS": "0",
    }
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin_client.post(page, values)
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    assert Item.objects.get().title == "New title"
    assert sent.call_count == 1
