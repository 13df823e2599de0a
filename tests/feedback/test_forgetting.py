from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import models

from catalog.models import Reader, ReaderMerge
from feedback.forgetting import forget_reader
from feedback.models import Interaction, Slate, SlateDetail, View
from feedback.personal_data import personal_data_json
from feedback.readers import merge_readers
from tests.factories import (
    NOW,
    make_author,
    make_interaction,
    make_item,
    make_reader,
    make_slate,
    make_topic,
    make_view,
)

pytestmark = pytest.mark.django_db


def person(**fields: Any) -> Reader:
    """A reader with one row of every kind."""
    reader = make_reader(**fields)
    item = make_item()
    slate = make_slate([item, make_item()], reader=reader, features=[[1.0], [2.0]])
    make_view(slate, 0)
    make_interaction(reader, "click", item, slate=slate)
    make_interaction(reader, "search", query="rivers")
    reader.followed_topics.add(make_topic("Jazz"))
    reader.followed_authors.add(make_author("Ida"))
    return reader


def log_in(user: User) -> None:
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session.create()


def counts() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Reader, Interaction, Slate, SlateDetail, View))


@pytest.mark.database
def test_everything_of_one_reader_goes_and_nothing_of_another() -> None:
    person()
    before = counts()
    forgotten = forget_reader(public_id=person().public_id, now=NOW)
    assert counts() == before
    assert (forgotten.interactions, forgotten.slates, forgotten.slate_details, forgotten.views) == (2, 1, 1, 1)
    assert (forgotten.follows, forgotten.readers, forgotten.accounts) == (2, 1, 0)


def test_what_was_served_under_ids_that_were_merged_goes_too() -> None:
    old, into = person(), person()
    old_id = old.public_id
    merge_readers(old=old, into=into, now=NOW)
    make_slate([make_item()], reader_public_id=old_id)
    forgotten = forget_reader(public_id=old_id, now=NOW)
    assert counts() == (0, 0, 0, 0, 0)
    assert (forgotten.merged_ids, ReaderMerge.objects.count()) == (1, 0)


def test_somebody_without_a_row_of_their_own_is_forgotten_by_their_cookie() -> None:
    public_id = uuid.uuid4()
    make_view(make_slate([make_item()], reader_public_id=public_id), 0)
    assert forget_reader(public_id=public_id, now=NOW).total == 2
    assert counts() == (0, 0, 0, 0, 0)


def test_a_view_whose_slate_was_lost_goes_with_the_click_that_names_the_slate() -> None:
    reader = person()
    Slate.objects.all().delete()
    assert forget_reader(public_id=reader.public_id, now=NOW).views == 1
    assert View.objects.count() == 0


def test_an_unknown_id_removes_nothing() -> None:
    person()
    before = counts()
    assert forget_reader(public_id=uuid.uuid4(), now=NOW).total == 0
    assert counts() == before


def test_the_account_and_its_sessions_go_unless_they_are_to_be_kept() -> None:
    users = [User.objects.create_user(f"{name}@example.org") for name in ("ida", "bo", "kim")]
    for user in users:
        person(user=user)
        log_in(user)
    forgotten = forget_reader(public_id=users[0].reader.public_id, now=NOW - timedelta(days=9_999))
    assert (forgotten.accounts, forgotten.sessions) == (1, 1)
    kept = forget_reader(public_id=users[1].reader.public_id, now=NOW, keep_account=True)
    assert (kept.accounts, kept.sessions) == (0, 0)
    assert set(User.objects.values_list("username", flat=True)) == {"bo@example.org", "kim@example.org"}
    assert Session.objects.count() == 2


def names_a_reader(field: Any) -> bool:
    if isinstance(field, models.Field):
        return field.related_model in {Reader, User} or "public_id" in field.name or "visit" in field.name
    return False


def test_no_table_that_names_a_reader_is_overlooked() -> None:
    """A new one must be added to `forget_reader`, and then here."""
    naming = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if names_a_reader(field)
    }
    assert naming == {
        "admin.LogEntry.user",
        "catalog.Reader.public_id",
        "catalog.Reader.user",
        "catalog.ReaderMerge.old_public_id",
        "catalog.ReaderMerge.reader",
        "feedback.Interaction.reader",
        "feedback.Interaction.visit_id",
        "feedback.Slate.reader_public_id",
        "feedback.Slate.visit_id",
    }


def personal_data(reader: Reader | None, public_id: uuid.UUID) -> dict[str, Any]:
    data: dict[str, Any] = json.loads("".join(personal_data_json(reader=reader, public_id=public_id)))
    return data


@pytest.mark.database
def test_personal_data_says_what_was_served_seen_and_done() -> None:
    reader = person()
    person()
    data = personal_data(reader, reader.public_id)
    assert data["reader"]["followed_topics"] == ["jazz"]
    click, search = data["interactions"]
    assert (click["kind"], click["position"], search["search"]) == ("click", 0, "rivers")
    (slate,) = data["slates"]
    assert click["slate"] == slate["id"]
    assert click["title"] == slate["items"][0]["title"]
    assert slate["feature_values_kept"] is True
    assert [card["viewed_at"] is not None for card in slate["items"]] == [True, False]


def test_personal_data_of_somebody_without_a_row_are_their_slates() -> None:
    public_id = uuid.uuid4()
    make_slate([404], reader_public_id=public_id)
    data = personal_data(None, public_id)
    assert (data["reader"], data["interactions"]) == (None, [])
    assert data["slates"][0]["items"] == [
        {"position": 0, "item_id": 404, "item": None, "title": None, "viewed_at": None}
    ]


def test_personal_data_of_nobody_are_valid_and_empty() -> None:
    assert personal_data(None, uuid.uuid4()) == {"reader": None, "interactions": [], "slates": []}


def test_personal_data_say_everything_that_forgetting_removes() -> None:
    old, into = person(), person()
    merge_readers(old=old, into=into, now=NOW)
    data = personal_data(into, into.public_id)
    forgotten = forget_reader(public_id=into.public_id, now=NOW)
    assert len(data["interactions"]) == forgotten.interactions
    assert len(data["slates"]) == forgotten.slates
    assert len(data["reader"]["earlier_ids"]) == forgotten.merged_ids
