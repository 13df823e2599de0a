"""What a staff page answers with: the page, one of its tables as CSV, or one of its charts as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render

from recsite.requests import SiteRequest
from recsite.staff.charts import Chart
from recsite.staff.tables import Table, csv_response


def answer(
    request: SiteRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    tables: Sequence[Table] = (),
    charts: Sequence[Chart] = (),
) -> HttpResponse:
    """`?csv=KEY` and `?json=KEY` of the page's own address name a table (a chart's has the chart's key) and a chart.

    The template finds them as `tables.KEY` and `charts.KEY`, so keys are names.
    """
    by_chart = {chart.key: chart for chart in charts}
    by_table = {chart.key: chart.table() for chart in charts} | {table.key: table for table in tables}
    if "csv" in request.GET:
        return csv_response(_found(by_table, request.GET["csv"]))
    if "json" in request.GET:
        return JsonResponse(_found(by_chart, request.GET["json"]).as_json())
    return render(request, template, {**context, "tables": by_table, "charts": by_chart})


def _found(named: Mapping[str, Any], key: str) -> Any:
    if key not in named:
        raise Http404(f"This page has no {key}; it has {', '.join(sorted(named)) or 'none'}.")
    return named[key]
