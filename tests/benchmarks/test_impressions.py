"""The made-up log of the benchmarks of examples and training."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchmarks.impressions import FIRST_DAY, Log, fill
from feedback.models import Interaction, Slate, SlateDetail, View

LOG = Log(impressions=7_200, days=2, feature_share=0.5, seed=3)


@pytest.mark.django_db(transaction=True)
def test_the_log_is_as_large_as_it_says_and_its_clicks_are_read() -> None:
    fill(LOG)
    slates = list(Slate.objects.all())
    assert sum(len(slate.items) for slate in slates) == LOG.shown == 7_200
    assert {slate.served_at - slate.counts_as_of for slate in slates if slate.counts_as_of} == {timedelta(hours=1)}
    assert min(slate.served_at for slate in slates) == FIRST_DAY
    assert max(slate.served_at for slate in slates) < LOG.until
    assert 0.5 < View.objects.count() / LOG.shown < 0.7
    assert 0 < SlateDetail.objects.count() < len(slates)
    clicked = Interaction.objects.filter(kind="click").values_list("slate_id", "position")
    read = Interaction.objects.filter(kind="dwell").values_list("slate_id", "position")
    assert sorted(clicked) == sorted(read) != []
    assert Interaction.objects.filter(kind__in=["like", "dismiss"]).exists()


@pytest.mark.django_db(transaction=True)
def test_filling_again_replaces_what_was_there() -> None:
    fill(LOG)
    first = View.objects.count()
    fill(LOG)
    assert (Slate.objects.count(), View.objects.count()) == (LOG.visits * 3, first)
