"""A reader's state as arrays that the query tower reads. Training and serving come through the same function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retrieval.config import TowerConfig
from retrieval.content import TOPICS, ItemContent, item_rows
from retrieval.hashing import PADDING, hashed, hashed_words
from retrieval.ids import UNKNOWN
from retrieval.query_state import QueryState
from retrieval.training_errors import NotFinite

RECENT_ITEMS = 8
"""Items of a history whose topics a query carries: so that an item too new for the id table still says something."""
SEARCH_WORDS = 24
FOLLOWED = 16
TRAITS = 16
"""Languages, country and attributes, together."""
GAP_BUCKETS = 32

STATES = pa.schema(
    {
        "state_at": pa.timestamp("us", tz="UTC"),
        "history": pa.list_(pa.int64()),
        "history_kinds": pa.list_(pa.dictionary(pa.int8(), pa.string())),
        "history_ages_s": pa.list_(pa.float32()),
        "searches": pa.list_(pa.string()),
        "topics": pa.list_(pa.int64()),
        "authors": pa.list_(pa.int64()),
        "languages": pa.list_(pa.string()),
        "country": pa.string(),
        "attributes": pa.list_(pa.string()),
    }
)
"""`QueryState` as columns. attributes: texts such as "age=25-34". All but state_at and history may be left out."""


@dataclass(frozen=True, eq=False)
class QueryFeatures:
    """n states; int32 rows of hashed tables unless said otherwise, 0 for nothing.

    history: (n, history_length) rows of the id table, the most recent first.
    history_kinds: (n, history_length).  history_ages: (n, history_length), 1 + 2 log2 of minutes, 0 for nothing.
    history_topics: (n, RECENT_ITEMS * TOPICS), topics of the most recent items.
    searches: (n, SEARCH_WORDS).  topics, authors: (n, FOLLOWED).  traits: (n, TRAITS).
    moments: (n, 2): 1 + hour of the day, 1 + day of the week (Monday first), both UTC.
    """

    history: np.ndarray
    history_kinds: np.ndarray
    history_ages: np.ndarray
    history_topics: np.ndarray
    searches: np.ndarray
    topics: np.ndarray
    authors: np.ndarray
    traits: np.ndarray
    moments: np.ndarray

    def __len__(self) -> int:
        return len(self.history)

    def arrays(self) -> dict[str, np.ndarray]:
        """By name, in the order in which the query tower takes them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def trimmed(self) -> QueryFeatures:
        """The same states, histories no wider than the longest of them: a tower says the same of fewer columns."""
        width = max(1, int((self.history != PADDING).sum(axis=1).max(initial=0)))
        columns = {name: getattr(self, name)[:, :width] for name in ("history", "history_kinds", "history_ages")}
        return replace(self, **columns)


def feature_sizes(config: TowerConfig) -> dict[str, tuple[int, int]]:
    """Of each array its width and the largest number that it can hold."""
    length, id_rows = config.history_length, np.iinfo(np.int32).max
    return {
        "history": (length, id_rows),
        "history_kinds": (length, config.trait_buckets),
        "history_ages": (length, GAP_BUCKETS),
        "history_topics": (RECENT_ITEMS * TOPICS, config.topic_buckets),
        "searches": (SEARCH_WORDS, config.word_buckets),
        "topics": (FOLLOWED, config.topic_buckets),
        "authors": (FOLLOWED, config.author_buckets),
        "traits": (TRAITS, config.trait_buckets),
        "moments": (2, 24),
    }


def encode_states(states: Sequence[QueryState], content: ItemContent, config: TowerConfig) -> QueryFeatures:
    """What serving asks with, a row a state."""
    last = slice(-config.history_length, None)
    columns = {
        "state_at": pa.array([state.at.astimezone(UTC) for state in states], pa.timestamp("us", tz="UTC")),
        "history": pa.array([state.history[last] for state in states], pa.list_(pa.int64())),
        "history_kinds": pa.array([list(state.history_kinds[last]) for state in states], pa.list_(pa.string())),
        "history_ages_s": pa.array([state.history_ages_s[last] for state in states], pa.list_(pa.float32())),
        "country": pa.array([state.country for state in states], pa.string()),
    }
    said: dict[str, list[list[Any]]] = {
        "searches": [list(state.searches) for state in states],
        "topics": [list(state.topics) for state in states],
        "authors": [list(state.authors) for state in states],
        "languages": [list(state.languages) for state in states],
        "attributes": [attribute_texts(state.attributes) for state in states],
    }
    # What nobody says is left out: for one reader each column takes as long as a search.
    columns |= {name: pa.array(lists, STATES.field(name).type) for name, lists in said.items() if any(lists)}
    return encode_table(pa.table(columns), content, config)


def attribute_texts(attributes: Mapping[str, str]) -> list[str]:
    """Attributes as `STATES` holds them."""
    return [f"{name}={value}" for name, value in sorted(attributes.items())]


def encode_table(states: pa.Table, content: ItemContent, config: TowerConfig) -> QueryFeatures:
    """Of `STATES`; columns that are left out are empty.

    Raises ValueError for a history with an age below 0, `NotFinite` for one with an age that is NaN or null.
    """
    length = config.history_length
    item_idx = last_of_lists(states, "history", length, content.ids.idx_of, UNKNOWN - 1)  # (n, length)
    is_there = item_idx != UNKNOWN - 1
    return QueryFeatures(
        history=np.where(is_there, item_rows(item_idx), PADDING).astype(np.int32),
        history_kinds=last_of_lists(states, "history_kinds", length, _hashing("kind", config.trait_buckets)),
        history_ages=last_of_lists(states, "history_ages_s", length, gap_buckets),
        history_topics=_topics_of(item_idx[:, :RECENT_ITEMS], content),
        searches=_search_words(states, config.word_buckets),
        topics=last_of_lists(states, "topics", FOLLOWED, _hashing("topic", config.topic_buckets)),
        authors=last_of_lists(states, "authors", FOLLOWED, _hashing("author", config.author_buckets)),
        traits=_traits(states, config.trait_buckets),
        moments=_moments(states["state_at"]),
    )


def gap_buckets(ages_s: np.ndarray) -> np.ndarray:
    """Rows from 1 on, twice as fine as powers of two: minutes matter within a visit, weeks between them."""
    if np.isnan(ages_s).any():
        raise NotFinite(
            "An age in history_ages_s is NaN or null. Give the seconds from each choice to state_at, or leave the "
            "choice out of the history."
        )
    if (ages_s < 0).any():
        raise ValueError(f"An age of {ages_s.min()} s: a state cannot know what had not happened yet.")
    return (1 + np.minimum(2 * np.log2(1 + ages_s / 15), GAP_BUCKETS - 2)).astype(np.int32)


def last_of_lists(
    states: pa.Table, name: str, width: int, rows_of: Callable[[np.ndarray], np.ndarray], padding: int = PADDING
) -> np.ndarray:
    """(n, width) int32: the last `width` values of each list, the last first, as rows; then padding."""
    if name not in states.column_names:
        return np.full((len(states), width), padding, dtype=np.int32)
    lists = _one_chunk(states[name])
    offsets, values = lists.offsets.to_numpy(), lists.values
    if pa.types.is_dictionary(values.type):
        of_code = rows_of(np.asarray(values.dictionary.to_pylist(), dtype=object))
        rows = of_code[values.indices.to_numpy()] if len(of_code) else np.empty(0, np.int32)
    else:
        rows = rows_of(values.to_numpy(zero_copy_only=False))
    places = offsets[1:, None] - 1 - np.arange(width)  # (n, width), the last first
    is_there = places >= offsets[:-1, None]
    if not len(rows):
        return np.full(places.shape, padding, dtype=np.int32)
    return np.where(is_there, rows[np.where(is_there, places, 0)], padding).astype(np.int32)


def _one_chunk(column: pa.ChunkedArray) -> pa.ListArray:
    joined = column.combine_chunks()
    return pc.fill_null(joined, []) if joined.null_count else joined


def _hashing(kind: str, buckets: int) -> Callable[[np.ndarray], np.ndarray]:
    def rows_of(values: np.ndarray) -> np.ndarray:
        unique, place = np.unique(values.astype(str), return_inverse=True)
        rows = np.array([hashed(f"{kind}:{value}", buckets) for value in unique.tolist()], dtype=np.int32)
        return rows[place] if len(rows) else np.empty(0, np.int32)

    return rows_of


def _topics_of(item_idx: np.ndarray, content: ItemContent) -> np.ndarray:
    """(n, RECENT_ITEMS * TOPICS) int32: topics of known items, padding for the others."""
    if not len(content):
        return np.full((len(item_idx), RECENT_ITEMS * TOPICS), PADDING, dtype=np.int32)
    known = item_idx >= 0
    topics = np.where(known[:, :, None], content.topics[np.where(known, item_idx, 0)], PADDING)
    width = RECENT_ITEMS - item_idx.shape[1]  # a shorter history is padded
    padded = np.pad(topics, ((0, 0), (0, max(width, 0)), (0, 0)))
    return padded.reshape(len(item_idx), RECENT_ITEMS * TOPICS).astype(np.int32)


def _search_words(states: pa.Table, buckets: int) -> np.ndarray:
    table = np.full((len(states), SEARCH_WORDS), PADDING, dtype=np.int32)
    if "searches" in states.column_names:
        for place, queries in enumerate(states["searches"].to_pylist()):
            for query in reversed(queries or ()):
                kept = int((table[place] != PADDING).sum())
                rows = hashed_words(query, buckets=buckets, most=SEARCH_WORDS - kept)
                table[place, kept : kept + len(rows)] = rows
    return table


def _traits(states: pa.Table, buckets: int) -> np.ndarray:
    table = np.full((len(states), TRAITS), PADDING, dtype=np.int32)
    columns = [
        _texts(states, "languages", "language:"),
        _texts(states, "country", "country:"),
        _texts(states, "attributes", "attribute:"),
    ]
    for place, texts in enumerate(zip(*columns, strict=True)):
        rows = [hashed(text, buckets) for of_column in texts for text in of_column][:TRAITS]
        table[place, : len(rows)] = rows
    return table


def _texts(states: pa.Table, name: str, prefix: str) -> Iterable[list[str]]:
    if name not in states.column_names:
        return ([] for _ in range(len(states)))
    lists = ([value] if isinstance(value, str) else value for value in states[name].to_pylist())
    return ([f"{prefix}{text}" for text in texts or () if text] for texts in lists)


def _moments(times: pa.ChunkedArray) -> np.ndarray:
    hours = pc.add(pc.hour(times), 1).to_numpy()
    days = pc.add(pc.day_of_week(times), 1).to_numpy()
    return np.stack([hours, days], axis=1).astype(np.int32)
