"""The data on which methods are compared: real ones, and made-up ones whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from plait.data.samples import cache_folder, fetch, recipe_text
from plait.errors import RecipeError, nearest
from plait.run.methods.synthetic import RELATIONS, synthetic_recipe, write_synthetic

__all__ = ["GROUNDS", "Ground", "lay_out"]

_SYNTHETIC_ROWS: Final = 24_000
_BEIBEI_USERS: Final = 2_000


@final
@dataclass(frozen=True, slots=True)
class Ground:
    """One set of tables with tasks, small enough that every method gets its turns.

    Attributes:
        words: what it is, for the page.
        recipe: everything but sharing and balancing.
        make: writes its tables into a folder.
        needs: files of the user's data folder that it reads; none where the tables come by themselves.
        size: layer widths of the bodies.
        named: what bodies that name a feature are told: field of their settings -> value.
        chain: child -> parent, for the methods that relate tasks.
    """

    words: str
    recipe: dict[str, Any]
    make: Callable[[Path, Path | None], None]
    needs: tuple[str, ...] = ()
    size: tuple[int, ...] = (64, 32)
    named: Mapping[str, Any] = field(default_factory=dict)
    chain: Mapping[str, str] = field(default_factory=dict)


def lay_out(name: str, folder: Path, data: Path | None) -> Ground:
    """Return a ground with its tables in `folder`, written where they are not there yet.

    Raises:
        RecipeError: there is no such ground, or its files are not where they are looked for.
    """
    if name not in GROUNDS:
        raise RecipeError(
            f"`--grounds` should name some of {', '.join(GROUNDS)}. Found `{name}`.{nearest(name, list(GROUNDS))}"
        )
    ground = GROUNDS[name]
    missing = [file for file in ground.needs if data is None or not (data / file).is_file()]
    if missing:
        where = "no --data" if data is None else f"none of that in `{data}`"
        raise RecipeError(f"The data `{name}` should lie in the folder of `--data`: {', '.join(missing)}. Found {where}.")
    done = folder / "tables.written"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        ground.make(folder, data)
        done.touch()
    return ground


def _census(folder: Path, data: Path | None) -> None:  # noqa: ARG001  # it comes by itself
    source = fetch("census", cache_folder()) / "people.parquet"
    (folder / "people.parquet").unlink(missing_ok=True)
    (folder / "people.parquet").symlink_to(source)


def _census_recipe() -> dict[str, Any]:
    """The two labels of the published comparison; education is an input there."""
    recipe: dict[str, Any] = yaml.safe_load(recipe_text("census"))
    del recipe["tasks"]["education"]
    recipe["features"]["people.education"] = "category"
    return recipe | {"model": {"width": 16, "tower": [32]}, "train": {"epochs": 2, "batch": 2048}}


def _copies(*files: str) -> Callable[[Path, Path | None], None]:
    def make(folder: Path, data: Path | None) -> None:
        assert data is not None
        for file in files:
            target = folder / Path(file).name
            target.unlink(missing_ok=True)
            target.symlink_to((data / file).resolve())

    return make


def _beibei(folder: Path, data: Path | None) -> None:
    """Write what the first users put into the cart and bought, and as many pairs that they did not touch."""
    assert data is not None
    parts = []
    for behaviour in ("cart", "buy"):
        found = pq.read_table(data / "beibei_behaviours" / f"{behaviour}.parquet")
        found = found.filter(pc.less(found["user_id"], _BEIBEI_USERS))
        parts.append(found["user_id"].to_numpy() * 1_000_000 + found["item_id"].to_numpy())
    cart, buy = parts
    touched = np.union1d(cart, buy)
    draw = np.random.default_rng(0)
    items = np.unique(touched % 1_000_000)
    others = touched // 1_000_000 * 1_000_000 + draw.choice(items, len(touched))
    pairs = np.concatenate([touched, np.setdiff1d(others, touched)])
    columns = {
        "pair": np.arange(len(pairs)),
        "user": pairs // 1_000_000,
        "item": pairs % 1_000_000,
        "cart": np.isin(pairs, touched),
        "buy": np.isin(pairs, buy),
    }
    pq.write_table(pa.table(columns), folder / "pairs.parquet")


def _made(relation: Any) -> Callable[[Path, Path | None], None]:  # noqa: ANN401  # a literal, checked by who calls
    return lambda folder, _: write_synthetic(folder / f"{relation}.parquet", relation, _SYNTHETIC_ROWS, seed=1)


_MOVIES: Final[dict[str, Any]] = {
    "name": "movielens_small",
    "tables": {
        "ratings": {"source": "ratings.parquet", "time": "timestamp", "keys": {"userId": "users", "movieId": "movies"}},
        "movies": {"source": "movies.parquet", "id": "movieId"},
        "users": {"of": "ratings.userId"},
    },
    "features": {
        "users.recent": {"kind": "history", "of": "ratings.movieId", "last": 20},
        "movies.movieId": "id",
        "movies.title": "text",
        "movies.genres": {"kind": "category", "separator": "|"},
    },
    "tasks": {
        "like": {"table": "ratings", "kind": "binary", "label": "rating >= 4"},
        "stars": {"table": "ratings", "kind": "regression", "label": "rating"},
        "next": {"table": "ratings", "kind": "retrieval", "label": "movieId", "where": "rating >= 4"},
        "genre": {"table": "movies", "kind": "multilabel", "label": "genres", "inputs": ["movies.title"]},
    },
    "split": {"by": "random", "valid": 0.1, "test": 0.2},
    "model": {"width": 16, "tower": [32]},
    "train": {"epochs": 3, "batch": 2048},
}

_HILLSTROM: Final[dict[str, Any]] = {
    "name": "hillstrom",
    "tables": {"email": {"source": "email.parquet"}},
    "features": {"email.history_segment": "category", "email.zip_code": "category", "email.channel": "category"}
    | {"email.segment": "category", "email.recency": "number", "email.history": "number"}
    | {f"email.{name}": "number" for name in ("mens", "womens", "newbie")},
    "tasks": {
        "visit": {"table": "email", "kind": "binary", "label": "visit", "inputs": ["email"]},
        "conversion": {"table": "email", "kind": "binary", "label": "conversion", "inputs": ["email"]},
        "spend": {"table": "email", "kind": "amount", "label": "spend", "inputs": ["email"]},
    },
    "split": {"by": "random", "valid": 0.15, "test": 0.35},
    "model": {"width": 8, "tower": [16]},
    "train": {"epochs": 5, "batch": 1024},
}

_BEIBEI: Final[dict[str, Any]] = {
    "name": "beibei",
    "tables": {"pairs": {"source": "pairs.parquet", "id": "pair"}},
    "features": {"pairs.pair": "ignore", "pairs.user": "id", "pairs.item": "id"},
    "tasks": {
        "cart": {"table": "pairs", "kind": "binary", "label": "cart"},
        "buy": {"table": "pairs", "kind": "binary", "label": "buy"},
    },
    "split": {"by": "random", "valid": 0.1, "test": 0.2},
    "model": {"width": 16, "tower": [32]},
    "train": {"epochs": 4, "batch": 1024},
}

_WORDS: Final = {
    "aligned": "made up: two tasks with the same truth, three quarters of the second's labels missing",
    "unrelated": "made up: two tasks that have nothing in common",
    "conflicting": "made up: a noisy quantity beside a rare yes, with opposed tastes for every other user",
}


def _named(domain: str | None, personal: list[str]) -> dict[str, Any]:
    """Name the features that some bodies want to be told."""
    found: dict[str, Any] = {"personal_features": personal}
    return found if domain is None else found | {"domain": domain, "domain_features": [domain]}


GROUNDS: Final[Mapping[str, Ground]] = {
    "census": Ground(
        "KDD census, all 199,523 rows to train and 99,762 to test: income, never married",
        _census_recipe(),
        _census,
        size=(128, 64),
        named=_named(domain="people.class_of_worker", personal=["people.age", "people.sex"]),
    ),
    "movielens_small": Ground(
        "MovieLens, 100,004 ratings of 9,125 films: like, stars, next film, genre from the title",
        _MOVIES,
        _copies("movielens_small/ratings.parquet", "movielens_small/movies.parquet"),
        needs=("movielens_small/ratings.parquet", "movielens_small/movies.parquet"),
        named=_named(domain=None, personal=["users.userId"]) | {"domain_features": ["movies.genres"]},
    ),
    "hillstrom": Ground(
        "51,153 e-mails of a shop: visit, conversion, spend",
        _HILLSTROM,
        _copies("hillstrom/email.parquet"),
        needs=("hillstrom/email.parquet",),
        size=(32, 16),
        named=_named(domain="email.segment", personal=["email.channel", "email.history_segment"]),
        chain={"conversion": "visit", "spend": "conversion"},
    ),
    "beibei": Ground(
        f"Beibei, what {_BEIBEI_USERS:,} people put into the cart and bought, and as many pairs that they did not touch",
        _BEIBEI,
        _beibei,
        needs=("beibei_behaviours/cart.parquet", "beibei_behaviours/buy.parquet"),
        named=_named(domain=None, personal=["pairs.user", "pairs.item"]),
        chain={"buy": "cart"},
    ),
    **{
        relation: Ground(
            _WORDS[relation],
            synthetic_recipe(relation),
            _made(relation),
            size=(24, 12),
            named=_named(domain="events.half", personal=["events.user"]),
        )
        for relation in RELATIONS
    },
}
