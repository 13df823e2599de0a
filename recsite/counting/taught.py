"""What visits taught: `LabelDay`, from the very labels that training uses."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pyarrow as pa
from django.db import transaction

from feedback.labels import label_visits
from feedback.log_connection import log_connection
from feedback.log_fragments import plan_fragments, read_fragment
from recsite.counting.ranges import Span
from recsite.models import LabelDay

_BY = ["release", "label", "kind"]
_Key = tuple[int, str, str]


def count_label_days(span: Span, *, now: datetime) -> int:
    """span: one day. Visits that began on it and were over by `now`, as known at `now`. Returns how many rows it has
    now."""
    counts: Counter[_Key] = Counter()
    with log_connection() as session:
        for fragment in plan_fragments(session, since=span.start, until=min(span.end, now)):
            counts.update(_counted(label_visits(read_fragment(session, fragment), until=now)))
    rows = [
        LabelDay(day=span.start.date(), release=release, label=label, kind=kind, slots=slots)
        for (release, label, kind), slots in counts.items()
    ]
    with transaction.atomic():
        LabelDay.objects.filter(day=span.start.date()).delete()
        LabelDay.objects.bulk_create(rows)
    return len(rows)


def _counted(labelled: pa.Table) -> dict[_Key, int]:
    plain = pa.table([labelled[name].cast(pa.int32() if name == "release" else pa.string()) for name in _BY], _BY)
    counted = plain.group_by(_BY).aggregate([([], "count_all")]).to_pydict()
    keys = zip(counted["release"], counted["label"], counted["kind"], strict=True)
    return {
        (release or 0, label, kind or ""): count
        for (release, label, kind), count in zip(keys, counted["count_all"], strict=True)
    }
