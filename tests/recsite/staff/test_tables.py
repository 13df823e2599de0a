"""Tables and charts of the staff pages, as CSV and JSON."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from django.http import Http404, HttpResponse
from django.test import RequestFactory

from recsite.staff.answers import answer
from recsite.staff.charts import Chart, Series, spark_path
from recsite.staff.tables import Column, Table, csv_response, moment, number, share, whole, words

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def table() -> Table:
    columns = [Column("Who"), Column("Views", numeric=True), Column("Rate", numeric=True), Column("When")]
    return Table("visits", "Visits", columns, [[words("=cmd|' /C calc'!A0"), whole(1_234), share(0.12345), moment(AT)]])


def chart(**options: object) -> Chart:
    values: dict[str, object] = {
        "key": "rate",
        "title": "Click rate",
        "unit": "share",
        "x": [AT],
        "series": [Series("release 3", [0.1], [0.05], [0.2])],
        "as_of": AT,
    }
    return Chart(**(values | options))  # type: ignore[arg-type]


def rows_of(response: HttpResponse) -> list[list[str]]:
    return list(csv.reader(io.StringIO(response.content.decode())))


def test_csv_has_values_and_not_what_was_made_of_them_for_people() -> None:
    assert rows_of(csv_response(table()))[1][1:] == ["1234", "0.12345", "2026-03-01T12:00:00+00:00"]


def test_csv_holds_nothing_that_a_spreadsheet_would_run() -> None:
    assert rows_of(csv_response(table()))[1][0] == "'=cmd|' /C calc'!A0"


def test_a_row_that_does_not_fit_its_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="2 columns"):
        Table("odd", "Odd", [Column("One"), Column("Two")], [[words("alone")]])


def test_moments_say_their_zone() -> None:
    assert moment(AT).text == "2026-03-01 12:00:00 UTC"


def test_what_is_not_known_is_a_dash_and_an_empty_cell() -> None:
    cells = [whole(None), number(None), share(None), moment(None)]
    assert [cell.text for cell in cells] == ["–"] * 4
    response = csv_response(Table("none", "None", [Column(str(n)) for n in range(4)], [cells]))
    assert rows_of(response)[1] == [""] * 4


def test_the_table_of_a_chart_says_what_the_chart_draws() -> None:
    drawn, told = chart().as_json(), chart().table()
    assert drawn["series"][0]["lower"] == [0.05]
    assert [column.head for column in told.columns] == ["When", "release 3", "release 3, from", "release 3, to"]
    assert [cell.value for cell in told.rows[0]] == [AT, 0.1, 0.05, 0.2]


def test_a_chart_of_nothing_but_gaps_is_empty() -> None:
    assert chart(series=[Series("release 3", [None])]).is_empty
    assert chart(x=[], series=[]).is_empty
    assert not chart().is_empty


def test_a_series_that_does_not_fit_its_places_is_refused() -> None:
    with pytest.raises(ValueError, match="2 values for 1 places"):
        chart(series=[Series("release 3", [0.1, 0.2])])


def test_a_spark_begins_at_zero_and_leaves_gaps() -> None:
    assert spark_path([0, 2, None, 1]) == "M0.0 23.0L33.3 1.0M100.0 12.0"
    assert spark_path([1]) == ""


def test_an_address_names_a_table_or_a_chart_of_its_page(rf: RequestFactory) -> None:
    def asked(query: str) -> HttpResponse:
        return answer(rf.get(f"/?{query}"), "", {}, tables=[table()], charts=[chart()])  # type: ignore[arg-type]

    assert rows_of(asked("csv=visits"))[0][0] == "Who"
    assert rows_of(asked("csv=rate"))[0][0] == "When"
    assert asked("json=rate").headers["Content-Type"] == "application/json"
    with pytest.raises(Http404, match="it has rate, visits"):
        asked("csv=nothing")
