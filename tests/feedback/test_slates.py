from __future__ import annotations

import struct
import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from feedback.buckets import reader_bucket
from feedback.models import Slate, SlateDetail
from feedback.slates import Candidates, Named, Pool, ServedSlate, Slot, record_slate, slate_tokens
from feedback.surfaces import Surface
from feedback.tokens import read_token
from feedback.uuid7 import make_uuid7
from tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.database]

READER = uuid.uuid4()
SLOTS = (
    Slot(11, (Named("popular", 0.5, 3), Named("fresh", None, 0)), 1.25, 11, 0.75, Slate.Branch.GREEDY),
    Slot(12, (Named("two-tower", 0.125, 0),), -0.5, 13, 0.25, Slate.Branch.POOL, team=1),
)


def served(**fields: Any) -> ServedSlate:
    defaults: dict[str, Any] = {
        "id": make_uuid7(NOW),
        "visit_id": make_uuid7(NOW),
        "reader_public_id": READER,
        "served_at": NOW,
        "known_until": NOW,
        "surface": Surface.HOME,
        "first_position": 24,
        "policy": "epsilon",
        "policy_version": "1",
        "slots": SLOTS,
    }
    return ServedSlate(**(defaults | fields))


def test_everything_about_a_slate_is_there() -> None:
    slate = served(
        policy_parameters={"epsilon": 0.1},
        seed=2**63 - 1,
        release=7,
        columns=4,
        arm="b",
        experiments={"cards": "large"},
        removed={"consumed": 3},
        counts_as_of=NOW,
    )
    record_slate(slate, detail_share=0.0)
    row = Slate.objects.get()
    assert (row.id, row.visit_id, row.reader_public_id) == (slate.id, slate.visit_id, READER)
    assert row.reader_bucket == reader_bucket(READER)
    assert (row.release, row.columns, row.arm, row.seed, row.first_position) == (7, 4, "b", 2**63 - 1, 24)
    assert (row.policy_parameters, row.experiments, row.removed) == (
        {"epsilon": 0.1},
        {"cards": "large"},
        {"consumed": 3},
    )
    assert (row.items, row.greedy_items, row.propensities) == ([11, 12], [11, 13], [0.75, 0.25])
    assert (row.branches, row.teams, row.scores) == ([2, 3], [None, 1], [1.25, -0.5])
    # Sources in the order of their bits: fresh 1, popular 2, two-tower 4.
    assert (row.sources, row.slot_sources) == (["fresh", "popular", "two-tower"], [3, 4])
    assert (row.source_scores, row.source_ranks) == ([None, 0.5, 0.125], [0, 3, 0])
    assert not SlateDetail.objects.exists()


def test_feature_values_are_the_bytes_that_the_ranker_used() -> None:
    features = struct.pack("<6f", *(1.5, -2.0, 3.25, 0.1, 0.0, 7.0))
    slate = served(features=features, feature_set="v1")
    record_slate(slate, detail_share=0.0)
    detail = SlateDetail.objects.get()
    assert (detail.slate_id, detail.feature_set, bytes(detail.features)) == (slate.id, "v1", features)
    assert detail.union_items is None


def test_the_whole_union_is_kept_with_what_was_removed_and_the_pool() -> None:
    pool = Pool((12, 13), (0.5, None), ((1, None), (2, 9)), b"\0" * 8, outside_size=500, outside_rule="published")
    candidates = Candidates(
        item_ids=(11, 12, 13),
        scores=(1.25, -0.5, None),
        named_by=(frozenset({"fresh", "popular"}), frozenset({"two-tower"}), frozenset({"popular"})),
        removed=((8, "consumed"), (9, "dismissed")),
        pool=pool,
    )
    record_slate(served(candidates=candidates), detail_share=1.0)
    detail = SlateDetail.objects.get()
    assert (detail.union_items, detail.union_scores) == ([11, 12, 13], [1.25, -0.5, None])
    assert detail.union_sources == [3, 4, 2]
    assert (detail.removed_items, detail.removed_reasons) == ([8, 9], ["consumed", "dismissed"])
    assert (detail.pool_items, detail.pool_scores, detail.pool_cap_keys) == ([12, 13], [0.5, None], [[1, None], [2, 9]])
    assert (detail.outside_size, detail.outside_rule) == (500, "published")


def test_the_share_of_details_is_kept_and_logged() -> None:
    candidates = Candidates((11,), (None,), (frozenset({"fresh"}),))
    for _ in range(200):
        record_slate(served(candidates=candidates), detail_share=0.3)
    assert 30 < SlateDetail.objects.count() < 90
    assert set(Slate.objects.values_list("detail_share", flat=True)) == {0.3}


def test_recording_costs_one_round_trip() -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        record_slate(served(features=b"\0" * 8, feature_set="v1"), detail_share=1.0)
    assert len(queries) == 1


def test_tokens_name_their_slots() -> None:
    slate = served()
    tokens = [read_token(text, now=NOW) for text in slate_tokens(slate)]
    assert [(token.position, token.item_id) for token in tokens] == [(24, 11), (25, 12)]
    assert {(token.slate_id, token.visit_id, token.surface) for token in tokens} == {
        (slate.id, slate.visit_id, Surface.HOME)
    }
    assert tokens[0].served_at == NOW


def test_a_slate_that_knew_the_future_is_refused() -> None:
    with pytest.raises(ValueError, match="later than serving"):
        served(known_until=NOW.replace(year=2027))


@pytest.mark.parametrize("fields", [{"features": b"\0" * 8}, {"features": b"\0" * 9, "feature_set": "v1"}])
def test_features_that_do_not_fit_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="features"):
        served(**fields)


def test_a_slate_is_recorded_once() -> None:
    slate = served()
    record_slate(slate, detail_share=0.0)
    with pytest.raises(IntegrityError), transaction.atomic():
        record_slate(replace(slate, policy="another"), detail_share=0.0)
