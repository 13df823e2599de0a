"""What staff pages are made of: the rail, tables, charts, moments with their zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.template.context import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from recsite.part_templates import environment
from recsite.staff.access import PERSONAL
from recsite.staff.charts import Chart
from recsite.staff.funnel_picture import FunnelPicture
from recsite.staff.tables import Table, in_zone

register = template.Library()

_table_template = environment.get_template("table.html")
_funnel_template = environment.get_template("funnel.html")


@dataclass(frozen=True)
class Stop:
    """One place of the rail. needs: the permission without which it is not offered."""

    label: str
    address: str
    needs: str | None = None


RAIL = (
    Stop("Overview", "overview"),
    Stop("Readers", "readers", PERSONAL),
    Stop("Slates", "slates", PERSONAL),
    Stop("Items", "items"),
    Stop("Releases", "releases"),
    Stop("Loop", "loop"),
    Stop("Jobs", "jobs"),
    Stop("Type 1 / type 2", "misses"),
)


@register.inclusion_tag("staff/_rail.html", takes_context=True)
def rail(context: Context) -> dict[str, Any]:
    """Links to the pages that this person may open."""
    request = context["request"]
    path = request.path
    stops = [
        {"label": stop.label, "url": (url := reverse(f"staff:{stop.address}")), "current": _is_at(path, url)}
        for stop in RAIL
        if stop.needs is None or request.user.has_perm(stop.needs)
    ]
    return {"stops": stops, "has_admin": request.user.has_module_perms("recsite")}


def _is_at(path: str, url: str) -> bool:
    return path == url or (url != reverse("staff:overview") and path.startswith(url))


@register.simple_tag(takes_context=True)
def staff_table(context: Context, table: Table) -> SafeString:
    return _table_html(table, _with(context, csv=table.key))


@register.simple_tag
def staff_funnel(picture: FunnelPicture) -> SafeString:
    html = _funnel_template.render(picture=picture)
    return mark_safe(html)  # noqa: S308 - Jinja escaped all that was put into it


@register.inclusion_tag("staff/_chart.html", takes_context=True)
def staff_chart(context: Context, chart: Chart) -> dict[str, Any]:
    return {
        "chart": chart,
        "table": _table_html(chart.table(), _with(context, csv=chart.key)),
        "json_url": _with(context, json=chart.key),
    }


@register.filter
def zoned(moment: datetime | None) -> SafeString | str:
    """A `<time>` with its zone, or a dash."""
    if moment is None:
        return "–"
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(timespec="seconds"), in_zone(moment))


@register.filter
def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _table_html(table: Table, csv_url: str) -> SafeString:
    numeric = [column.numeric for column in table.columns]
    html = _table_template.render(table=table, csv_url=csv_url, numeric=numeric)
    return mark_safe(html)  # noqa: S308 - Jinja escaped all that was put into it


def _with(context: Context, **values: str) -> str:
    """The page's own address with these parameters added."""
    query = context["request"].GET.copy()
    for name in ("csv", "json"):
        query.pop(name, None)
    for name, value in values.items():
        query[name] = value
    return f"?{query.urlencode()}"
