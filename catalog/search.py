"""Finding items by words, on PostgreSQL's full-text search."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog.languages import OTHER_LANGUAGES, SEARCH_CONFIGS, primary_subtag
from catalog.models import Author, Item, Topic

QUERY_MAX_CHARS = 200

_MARK_BEGIN, _MARK_END = "\ue000", "\ue001"
"""Private-use characters around a hit, so that the text can be escaped before the marks become tags."""

_HEADLINE = f"StartSel={_MARK_BEGIN}, StopSel={_MARK_END}, MinWords=8, MaxWords=30"

_HITS_IN_ONE_CONFIG = """
    SELECT id, language = ANY(%(preferred)s) AS preferred, ts_rank(search_vector, query) AS rank, published_at,
        '{config}'::regconfig AS config, query
    FROM catalog_item, websearch_to_tsquery('{config}', %(query)s) AS query
    WHERE search_vector @@ query AND NOT hidden AND published_at <= %(now)s AND language = ANY(%({languages})s)
"""
_PAGE = """
    WITH hits AS ({hits}),
    page AS (
        SELECT *, count(*) OVER () AS total FROM hits ORDER BY preferred DESC, rank DESC, published_at DESC, id DESC
        LIMIT %(limit)s OFFSET %(offset)s
    )
    SELECT page.id, text, ts_headline(config, text, query, %(headline)s), total
    FROM page JOIN catalog_item USING (id), LATERAL (SELECT coalesce(nullif(summary, ''), title) AS text) AS shown
    ORDER BY preferred DESC, rank DESC, page.published_at DESC, page.id DESC
"""


@dataclass(frozen=True)
class SearchHit:
    """One found item. `snippet` is HTML: escaped text in which only <mark> is ours."""

    item_id: int
    snippet: SafeString


@dataclass(frozen=True)
class SearchPage:
    """One page of hits, best first. `total` counts them on all pages; it is 0 on a page past the end."""

    hits: list[SearchHit]
    total: int


@dataclass(frozen=True)
class Suggestion:
    kind: str
    title: str
    url: str


def clean_query(text: str) -> str:
    """What a reader typed, as one line that PostgreSQL accepts, at most QUERY_MAX_CHARS long."""
    return " ".join(text.replace("\0", " ").split())[:QUERY_MAX_CHARS]


def search_items(query: str, *, preferred: frozenset[str], now: datetime, offset: int, limit: int) -> SearchPage:
    """Published items that match a query in websearch syntax (`"exact phrase"`, `or`, `-without`), best first.

    Each item is matched with the stemmer of its own language, so `houses` finds `house` in English and `Häuser` finds
    `Haus` in German. A stemmer makes odd things of another language's words (Spanish reads `bread` as `brea`, pitch),
    so hits in the `preferred` languages come before all others.
    """
    query = clean_query(query)
    by_config = _languages_by_config(Item.objects.languages())
    if not query or not by_config:
        return SearchPage([], 0)
    hits = " UNION ALL ".join(
        _HITS_IN_ONE_CONFIG.format(config=f"pg_catalog.{config}", languages=config) for config in by_config
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _PAGE.format(hits=hits),
            {
                **by_config,
                "query": query,
                "preferred": list(preferred),
                "now": now,
                "headline": _HEADLINE,
                "offset": offset,
                "limit": limit,
            },
        )
        rows = cursor.fetchall()
    return SearchPage(
        [SearchHit(item_id, _snippet(text, headline)) for item_id, text, headline, _ in rows], rows[0][3] if rows else 0
    )


def suggest(text: str, *, now: datetime, limit: int = 8) -> list[Suggestion]:
    """Topics, authors and titles that begin with, or contain a word that begins with, what is being typed."""
    text = clean_query(text)
    words_begin = prefix_query(text)
    if not words_begin:
        return []
    suggestions = [
        Suggestion("topic", t.name, t.get_absolute_url()) for t in Topic.objects.filter(name__istartswith=text)[:3]
    ]
    suggestions += [
        Suggestion("author", a.name, a.get_absolute_url()) for a in Author.objects.filter(name__istartswith=text)[:3]
    ]
    titles = Item.objects.published(now).filter(
        title_words=SearchQuery(words_begin, config="simple", search_type="raw")
    )
    newest = titles.only("title", "slug").order_by("-published_at", "-id")[: limit - len(suggestions)]
    return suggestions + [Suggestion("item", item.title, item.get_absolute_url()) for item in newest]


def prefix_query(text: str) -> str:
    """`the lon` -> `'the' & 'lon':*`; empty when no word is left."""
    words = re.findall(r"[^\W_]+", text.lower())
    return " & ".join([*(f"'{word}'" for word in words[:-1]), *(f"'{word}':*" for word in words[-1:])])


def _languages_by_config(languages: list[str]) -> dict[str, list[str]]:
    """`["en", "de", "en-gb", "ja"]` -> `{"english": ["en", "en-gb"], "german": ["de"], "simple": ["ja"]}`."""
    grouped: dict[str, list[str]] = {}
    for language in languages:
        grouped.setdefault(SEARCH_CONFIGS.get(primary_subtag(language), OTHER_LANGUAGES), []).append(language)
    return grouped


def _snippet(text: str, headline: str) -> SafeString:
    """The part of `text` that PostgreSQL chose, escaped, with its hits in <mark> and an ellipsis if it starts amid
    the text."""
    before, *hits = headline.split(_MARK_BEGIN)
    first_words = before + (hits[0].partition(_MARK_END)[0] if hits else "")
    ellipsis = "" if text.lstrip().startswith(first_words) else "… "
    return format_html("{}{}", ellipsis, before) + format_html_join(
        "", "<mark>{}</mark>{}", (hit.partition(_MARK_END)[::2] for hit in hits)
    )
