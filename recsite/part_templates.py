"""Templates in Jinja for parts that a page has hundreds of: Django's would take longer over them than over the rest."""

from __future__ import annotations

from django.conf import settings
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from recsite.html_parts import icon

# Everything that is put into these templates is escaped by Jinja, so what comes out is safe.
environment = Environment(
    loader=FileSystemLoader(settings.BASE_DIR / "templates" / "jinja"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=settings.DEBUG,
)
environment.globals.update(icon=icon)
