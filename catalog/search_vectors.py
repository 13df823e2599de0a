"""The SQL of the two stored search vectors of an item.

They are generated columns, so no writer can forget them: neither a bulk COPY nor a hand in psql.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.search import SearchVectorField
from django.db.models import Func

from catalog.languages import OTHER_LANGUAGES, SEARCH_CONFIGS

INDEXED_BODY_CHARS = 50_000
"""A tsvector may hold 1 MB of distinct words; a longer body is searched by its beginning."""


def config_of_language_sql(language_sql: str) -> str:
    """An immutable SQL expression of type regconfig for a column that holds a language code.

    A cast from text to regconfig is only stable, so a generated column needs the CASE with constants.
    """
    branches = " ".join(
        f"WHEN '{code}' THEN 'pg_catalog.{config}'::regconfig" for code, config in SEARCH_CONFIGS.items()
    )
    return f"CASE split_part({language_sql}, '-', 1) {branches} ELSE 'pg_catalog.{OTHER_LANGUAGES}'::regconfig END"


class ItemSearchVector(Func):
    """Title (weight A), summary (B) and the beginning of the body (D), stemmed for the item's language."""

    arity = 4
    output_field = SearchVectorField()

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_extra: Any) -> tuple[str, tuple[str | int, ...]]:
        title, summary, body, language = (
            compiler.compile(expression)[0] for expression in self.get_source_expressions()
        )
        config = config_of_language_sql(language)
        weighted = {"A": title, "B": summary, "D": f"left({body}, {INDEXED_BODY_CHARS})"}
        parts = (f"setweight(to_tsvector({config}, {text}), '{weight}')" for weight, text in weighted.items())
        return " || ".join(parts), ()


class TitleWords(Func):
    """The title's words as written, for type-ahead: a stem is no prefix of what a reader is still typing."""

    arity = 1
    output_field = SearchVectorField()

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_extra: Any) -> tuple[str, tuple[str | int, ...]]:
        (title,) = (compiler.compile(expression)[0] for expression in self.get_source_expressions())
        return f"to_tsvector('pg_catalog.simple'::regconfig, {title})", ()
