from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.importers.records import Reason
from catalog.importers.rows import FIELDS, parse_row
from catalog.models import Item
from tests.catalog.importers.running import run_import, write_jsonl
from tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.database]

any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=8,
)
likely_values: dict[str, st.SearchStrategy[Any]] = {
    "external_id": st.text(min_size=1, max_size=10) | st.integers(),
    "title": st.text(min_size=1, max_size=60),
    "summary": st.text(max_size=80),
    "body": st.text(max_size=80),
    "topics": st.lists(st.text(max_size=12), max_size=4),
    "author": st.text(max_size=20),
    "language": st.sampled_from(["en", "pt-BR", "ger", "xx", "zz-zz-zz-zz"]) | st.text(max_size=8),
    "published_at": st.datetimes().map(lambda moment: moment.isoformat()) | st.dates().map(str),
    "image": st.just("https://example.org/") | st.text(max_size=20).map("https://example.org/".__add__),
    "link": st.text(max_size=20).map("http://x".__add__),
    "attributes": st.dictionaries(any_text, any_json, max_size=4),
    "hidden": st.booleans(),
}
assert tuple(likely_values) == FIELDS

likely_rows = st.fixed_dictionaries(
    {name: likely_values[name] for name in ("external_id", "title")},
    optional={
        name: strategy | any_json for name, strategy in likely_values.items() if name not in {"external_id", "title"}
    },
)
any_rows = likely_rows | st.dictionaries(st.sampled_from(FIELDS) | any_text, any_json, max_size=6) | any_json


@given(row=any_rows)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_row_either_reads_back_equal_or_is_rejected_with_a_reason(row: Any, tmp_path: Path) -> None:
    Item.objects.all().delete()
    path = write_jsonl(tmp_path / "items.jsonl", [json.dumps(row)])
    done = run_import(path)
    if done.rejects:
        assert done.counts == (0, 0, 0, 1)
        assert done.rejects[0]["reason"].partition(": ")[0] in set(Reason) - {Reason.REFUSED_BY_DATABASE}
        return
    assert done.counts == (1, 0, 0, 0)
    expected = parse_row(json.loads(json.dumps(row)), now=NOW)
    item = Item.objects.select_related("author").get()
    for name in ("external_id", "title", "summary", "body", "language", "image", "link"):
        assert getattr(item, name) == getattr(expected, name), name
    assert item.published_at == (expected.published_at or NOW)
    assert item.hidden == bool(expected.hidden)
    assert (item.author.name if item.author else "").casefold() == expected.author.casefold()
    assert with_float_numbers(item.attributes) == with_float_numbers(json.loads(expected.attributes_json))
    assert run_import(path, now=NOW).counts == (0, 0, 1, 0)


def with_float_numbers(value: Any) -> Any:
    """PostgreSQL keeps 1e22 as a number with 23 digits; as a float it is the same again."""
    if isinstance(value, dict):
        return {key: with_float_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_float_numbers(inner) for inner in value]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
