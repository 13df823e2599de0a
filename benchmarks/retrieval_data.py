"""Where ratings come from: a folder of MovieLens 100K, or anybody's CSV or Parquet file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.retrieval_ratings import ITEM_SCHEMA, DataError, Ratings, first_times
from retrieval.interactions import Interactions

MOVIELENS = "ml-100k"
"""The name of MovieLens 100K, for which the goals of quality are stated."""

_AGE_BANDS = (
    (18, "under 18"),
    (25, "18-24"),
    (35, "25-34"),
    (45, "35-44"),
    (50, "45-49"),
    (56, "50-55"),
    (200, "56 or more"),
)
_TIE_SEED = 1
_LATEST_S = 1e11
"""In seconds the year 5138: a larger number is in milliseconds."""


def load(path: Path) -> Ratings:
    """An ml-100k folder, or a CSV or Parquet file with the columns reader, item and time. Raises DataError.

    Also read when there: rating (number), kind (text), weight (number above 0); and of the items, from their first
    row: title, summary, language (texts), topics ("a|b" or a list), author, published_at. Ids may be numbers or texts.
    time is in seconds since 1970, or a date and time (UTC where it has no zone).
    """
    if path.is_dir():
        return _movielens(path)
    if not path.exists():
        raise DataError(f"{path} does not exist. Give an ml-100k folder, or a CSV or Parquet file.")
    if path.suffix == ".csv":
        frame = pl.read_csv(path, try_parse_dates=True, infer_schema_length=None)
    elif path.suffix in {".parquet", ".pq"}:
        frame = pl.read_parquet(path)
    else:
        raise DataError(f"{path} ends in {path.suffix!r}; a file of ratings ends in .csv or .parquet.")
    return _from_frame(frame, path.stem)


def _movielens(folder: Path) -> Ratings:
    """u.data is sorted stably by time and by nothing else: the file is shuffled, so that the 44% of readers whose last
    two ratings share a second have them in random order. By item id they would show a pattern that is learnt."""
    missing = [name for name in ("u.data", "u.item", "u.user") if not (folder / name).exists()]
    if missing:
        raise DataError(f"{folder} is no ml-100k folder: it has no {', '.join(missing)}.")
    events = np.loadtxt(folder / "u.data", dtype=np.int64, delimiter="\t", ndmin=2)
    kept = first_times(events[:, 0], events[:, 1], events[:, 3])
    return Ratings(
        MOVIELENS,
        Interactions.in_order(*events[kept][:, [0, 1, 3]].T),
        events[kept, 2].astype(np.float32),
        None,
        _films(folder / "u.item"),
        _viewers(folder / "u.user"),
    )


def _films(path: Path) -> pa.Table:
    """A genre's number in u.genre is its topic id."""
    films = [line.split("|") for line in path.read_text("latin-1").splitlines() if line]
    return pa.Table.from_pylist(
        [
            {
                "item_id": int(film[0]),
                "title": film[1],
                "summary": "",
                "topics": [genre for genre, has in enumerate(film[5:]) if has == "1"],
                "author": None,
                "language": "",
                "published_at": datetime.strptime(film[2], "%d-%b-%Y").replace(tzinfo=UTC) if film[2] else None,
            }
            for film in films
        ],
        schema=ITEM_SCHEMA,
    )


def _viewers(path: Path) -> dict[int, dict[str, str]]:
    viewers = [line.split("|") for line in path.read_text("latin-1").splitlines() if line]
    return {
        int(reader): {
            "age": next(band for below, band in _AGE_BANDS if int(age) < below),
            "gender": gender,
            "occupation": occupation,
        }
        for reader, age, gender, occupation, _zip in viewers
    }


def _from_frame(frame: pl.DataFrame, name: str) -> Ratings:
    """Rows are shuffled by a fixed seed before the stable sort by time: whatever order a file writes the events of one
    second in, such as by item id, would otherwise be there to learn."""
    missing = [column for column in ("reader", "item", "time") if column not in frame.columns]
    if missing:
        raise DataError(f"{name} has the columns {frame.columns}; it also needs {', '.join(missing)}.")
    if not len(frame):
        raise DataError(f"{name} holds no rows.")
    for column in {"reader", "item", "time", "rating", "kind", "weight"} & set(frame.columns):
        if frame[column].null_count():
            raise DataError(f"{frame[column].null_count()} rows have no {column}. Fill or remove them.")
    frame = frame[np.random.default_rng(_TIE_SEED).permutation(len(frame))]
    reader_ids, item_ids, times_s = _ids(frame["reader"]), _ids(frame["item"]), _seconds(frame["time"])
    kept = first_times(reader_ids, item_ids, times_s)
    weights = _numbers(frame, "weight")
    if weights is not None and not (weights > 0).all():
        raise DataError(f"The least weight is {weights.min()}; weights must be above 0.")
    ratings = _numbers(frame, "rating")
    return Ratings(
        name,
        Interactions.in_order(
            reader_ids[kept], item_ids[kept], times_s[kept], None if weights is None else weights[kept]
        ),
        None if ratings is None else ratings[kept],
        frame["kind"].cast(pl.String).to_numpy()[kept] if "kind" in frame.columns else None,
        _catalogue(frame[kept], item_ids[kept]),
        {},
    )


def _ids(column: pl.Series) -> np.ndarray:
    """Whole numbers stay what they are; anything else is numbered in the order of its text."""
    if column.dtype.is_integer():
        return column.cast(pl.Int64).to_numpy()
    return np.unique(column.cast(pl.String).to_numpy().astype(str), return_inverse=True)[1].astype(np.int64)


def _seconds(column: pl.Series) -> np.ndarray:
    if column.dtype == pl.String:
        moments = column.str.to_datetime(time_zone="UTC", strict=False)
        if moments.null_count():
            wrong = column.filter(moments.is_null())[0]
            raise DataError(
                f"The time {wrong!r} is neither seconds since 1970 nor a date such as 2026-02-01T12:00:00Z."
            )
        column = moments
    if column.dtype.is_temporal():
        return column.cast(pl.Datetime("us")).dt.epoch("us").to_numpy() / 1e6
    if not column.dtype.is_numeric():
        raise DataError(f"time has the type {column.dtype}; it must be seconds since 1970, or a date and time.")
    seconds = column.cast(pl.Float64).to_numpy()
    if not (np.abs(seconds) < _LATEST_S).all():
        raise DataError(f"The latest time is {seconds.max():g} seconds since 1970. Divide milliseconds by 1000.")
    return seconds


def _numbers(frame: pl.DataFrame, column: str) -> np.ndarray | None:
    if column not in frame.columns:
        return None
    if not frame[column].dtype.is_numeric():
        raise DataError(f"{column} has the type {frame[column].dtype}, but should be a number.")
    return frame[column].cast(pl.Float32).to_numpy()


def _catalogue(frame: pl.DataFrame, item_ids: np.ndarray) -> pa.Table:
    """What the first row of each item says of it; columns that the file lacks stay empty."""
    ids, first = np.unique(item_ids, return_index=True)
    told = frame[first]
    nothing = pa.nulls(len(ids))

    def texts(name: str) -> pa.Array:
        if name not in told.columns:
            return pa.array([""] * len(ids))
        return pa.array(told[name].cast(pl.String).fill_null("").to_list())

    has_author, has_moment = "author" in told.columns, "published_at" in told.columns
    return pa.table(
        [
            pa.array(ids),
            texts("title"),
            texts("summary"),
            _topics(told),
            pa.array(_known_ids(told["author"])) if has_author else nothing.cast(pa.int64()),
            texts("language"),
            _moments(told["published_at"]) if has_moment else nothing.cast(ITEM_SCHEMA.field("published_at").type),
        ],
        schema=ITEM_SCHEMA,
    )


def _known_ids(column: pl.Series) -> list[int | None]:
    known = column.is_not_null().to_numpy()
    ids = iter(_ids(column.drop_nulls()).tolist())
    return [next(ids) if has else None for has in known]


def _topics(told: pl.DataFrame) -> pa.Array:
    """Topics are numbered in the order of their names."""
    if "topics" not in told.columns:
        return pa.array([[]] * len(told), ITEM_SCHEMA.field("topics").type)
    column = told["topics"]
    lists = column.fill_null("").str.split("|").to_list() if column.dtype == pl.String else column.to_list()
    named = [[str(topic) for topic in topics or [] if str(topic)] for topics in lists]
    number = {topic: place for place, topic in enumerate(sorted({topic for topics in named for topic in topics}))}
    return pa.array([[number[topic] for topic in topics] for topics in named], ITEM_SCHEMA.field("topics").type)


def _moments(column: pl.Series) -> pa.Array:
    known = column.is_not_null().to_numpy()
    micros = iter((_seconds(column.drop_nulls()) * 1e6).astype(np.int64).tolist())
    return pa.array([next(micros) if has else None for has in known], pa.int64()).cast(
        ITEM_SCHEMA.field("published_at").type
    )
