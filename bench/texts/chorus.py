"""Search in a shop: which products answer a query, learned from graded pairs and tested on queries never seen."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from jaxtyping import Float, Int
from sklearn.feature_extraction.text import TfidfVectorizer
from torch.nn import functional

from bench.texts.contestants import Plain, fine_tune, joint
from bench.texts.encoder import MeanEncoder
from bench.texts.kept import Result
from bench.texts.plan import Plan
from bench.texts.race import race
from plait.measure import Outcome

__all__ = ["chorus"]

FOLDS: Final = 5
SHARP: Final = 20.0
"""By how much the plain loop multiplies cosines."""
_COMMON: Final = {"table": "pairs", "inputs": ["queries.query", "products.words"]}
RECIPE: Final[dict[str, Any]] = {
    "name": "chorus",
    "tables": {
        "queries": {"source": "queries.parquet", "id": "q"},
        "products": {"source": "products.parquet", "id": "p"},
        "pairs": {"source": "pairs.parquet", "keys": {"q": "queries", "p": "products"}},
    },
    "features": {
        "queries.query": "text",
        "products.words": "text",
        "pairs.grade": "ignore",
        "pairs.part": "ignore",
        "queries.q": "ignore",
        "products.p": "ignore",
    },
    "tasks": {
        "order": {**_COMMON, "kind": "ranking", "label": "grade", "group": "q", "alike": ["q.query", "p.words"]},
        "fits": {**_COMMON, "kind": "binary", "label": "grade >= 2"},
    },
    "split": {"by": "column", "column": "part", "valid": 0.0},
    "model": {
        "vector_width": 384,
        "sharing": {"kind": "shared_bottom", "layers": [128]},
        "tower": [],
        "text": {"tune": "full", "layers": 3, "max_tokens": 64, "learning_rate": 3e-5},
    },
    "balance": "fixed",
    "train": {"epochs": 2, "batch": 64, "learning_rate": 1e-4, "warmup": 0.1, "clip": 1.0, "probes": 0, "threads": 1},
}
"""`order` puts the products of a query in order, `fits` says of each whether it is one to show."""


@dataclass(frozen=True)
class Search:
    """Graded pairs of queries and products, in the order of queries."""

    queries: list[str]
    products: list[str]
    """Title and description of all products that stand in some pair."""
    query: Int[np.ndarray, "N"]
    product: Int[np.ndarray, "N"]
    grade: Int[np.ndarray, "N"]
    fold: Int[np.ndarray, "N"]
    """Which fifth each pair's query belongs to."""
    shop: list[str]
    """The same texts of all products of the shop."""


Scores = Float[np.ndarray, "N"]


def chorus(plan: Plan) -> dict[str, Any]:
    """Let each fifth of the queries be tested by what was trained on the others.

    To choose settings the first fifth is left alone, and three thirds of the other queries take turns.
    """
    search = _read(plan.data / "chorus_search", plan.validate)
    plain = Plain(tokens=64, batch=32)
    folds = sorted({*search.fold.tolist()} - {-1})
    pairs = f"{len(search.grade):,} graded pairs of {len(search.queries)} queries"
    facts = {
        "train": len(search.grade),
        "test": int((search.fold >= 0).sum()),
        "rows": f"Trained on {pairs} less those of one part, tested on that part, {len(folds)} times",
    }
    key = [plan.validate, len(search.grade)]

    def by_plait(part: int) -> tuple[Scores, float]:
        return _plait(search, part, plan.changes)

    makes: dict[str, tuple[object, Callable[[], Result]]] = {
        "tf-idf": (key, lambda: _result(search, _words(search))),
        "untuned": ([key, plain.tokens], lambda: _result(search, _untuned(search, plain))),
        "plain": ([key, asdict(plain), SHARP], lambda: _in_turn(search, folds, lambda part: _tuned(search, part, plain))),
        "plait": ([key, RECIPE, plan.changes], lambda: _in_turn(search, folds, by_plait)),
    }
    tasks: dict[str, Any] = {"mixed": ("ranking", "ndcg@10", 0.87), "any": ("ranking", "ndcg@10", None)}
    return race("chorus", makes, tasks, plan, facts)


def _read(folder: Path, validate: bool) -> Search:
    judged = pq.read_table(folder / "judgements.parquet").sort_by([("query", "ascending"), ("docid", "ascending")])
    found = pq.read_table(folder / "products.parquet", columns=["id", "title", "short_description"]).to_pylist()
    words = {row["id"]: ". ".join(text for text in (row["title"], row["short_description"]) if text) for row in found}
    query, product = judged["query"].to_pylist(), judged["docid"].to_pylist()
    queries, products = sorted({*query}), sorted({*product})
    places = np.random.default_rng(17).permutation(len(queries)) % FOLDS
    if validate:
        places = np.where(places == 0, -1, np.random.default_rng(5).permutation(len(queries)) % 3)
    of_query = np.array([queries.index(one) for one in query])
    at = {one: place for place, one in enumerate(products)}
    return Search(
        queries,
        [words[one] for one in products],
        of_query,
        np.array([at[one] for one in product]),
        np.array(judged["rating"].to_pylist(), np.int64),
        places[of_query],
        [*words.values()],
    )


def _mixed(search: Search) -> np.ndarray:
    """Say of each pair whether its query has better and worse products."""
    best = np.full(len(search.queries), -1)
    worst = np.full(len(search.queries), 9)
    np.maximum.at(best, search.query, search.grade)
    np.minimum.at(worst, search.query, search.grade)
    return (best > worst)[search.query]


def _result(search: Search, said: tuple[Scores, float]) -> Result:
    """Return the outcomes of scores; the gain of a grade g is 2^g - 1."""
    score, cost = said
    outcomes = {}
    for name, rows in {"mixed": (search.fold >= 0) & _mixed(search), "any": search.fold >= 0}.items():
        gain = np.exp2(search.grade[rows]) - 1
        outcomes[name] = Outcome(score[rows, None], gain[:, None], unit=search.query[rows])
    return Result(outcomes, cost)


def _in_turn(search: Search, folds: Sequence[int], train: Callable[[int], tuple[Scores, float]]) -> Result:
    """Train once for each part of the queries, and take what each says of its own."""
    score, cost = np.zeros(len(search.grade)), []
    for part in folds:
        found, seconds = train(part)
        score[search.fold == part] = found
        cost.append(seconds)
        print(f"    part {part + 1} of {len(folds)}: {seconds:.0f} s of processor", flush=True)
    return _result(search, (score, sum(cost)))


def _words(search: Search) -> tuple[Scores, float]:
    start = time.process_time()
    counts = TfidfVectorizer(sublinear_tf=True).fit(search.shop)
    query, product = counts.transform(search.queries), counts.transform(search.products)
    score = np.asarray(query[search.query].multiply(product[search.product]).sum(1))[:, 0]
    return score, time.process_time() - start


def _untuned(search: Search, plain: Plain) -> tuple[Scores, float]:
    start = time.process_time()
    encoder = MeanEncoder(plain.model, plain.tokens)
    query, product = (encoder.vectors(texts, plain.bf16) for texts in (search.queries, search.products))
    return (query[search.query] * product[search.product]).sum(1), time.process_time() - start


def _tuned(search: Search, part: int, plain: Plain) -> tuple[Scores, float]:
    """Tune the encoder so that of the pairs of a batch the better ones have the larger cosine.

        loss = log(1 + sum over pairs i, j with grade i < grade j of exp(20 (cos i - cos j)))

    It is the loss that sentence-transformers advises for graded pairs (CoSENT).
    """
    start = time.process_time()
    torch.manual_seed(plain.seed)
    encoder = MeanEncoder(plain.model, plain.tokens)
    rows = np.flatnonzero((search.fold >= 0) & (search.fold != part))
    query, product = encoder.read(search.queries), encoder.read(search.products)
    grade = torch.tensor(search.grade[rows])

    def loss(some: torch.Tensor) -> torch.Tensor:
        chosen = rows[some.numpy()]
        sides = ([query[search.query[row]] for row in chosen], [product[search.product[row]] for row in chosen])
        cosine = SHARP * functional.cosine_similarity(*(encoder(side).float() for side in sides), dim=1)
        worse = grade[some][:, None] < grade[some][None]
        apart = (cosine[:, None] - cosine[None]).masked_select(worse)
        return torch.cat([torch.zeros(1), apart]).logsumexp(0)

    fine_tune(encoder, len(rows), loss, plain)
    cost = time.process_time() - start
    own = np.flatnonzero(search.fold == part)
    told, there = np.unique(search.product[own], return_inverse=True)
    vectors = encoder.vectors([search.products[one] for one in told], plain.bf16)
    return (encoder.vectors(search.queries, plain.bf16)[search.query[own]] * vectors[there]).sum(1), cost


def _plait(search: Search, part: int, changes: Sequence[str]) -> tuple[Scores, float]:
    tested = search.fold == part
    with tempfile.TemporaryDirectory(prefix="plait-texts-") as folder:
        tables: Mapping[str, Mapping[str, Any]] = {
            "queries": {"q": [*range(len(search.queries))], "query": search.queries},
            "products": {"p": [*range(len(search.products))], "words": search.products},
            "pairs": {
                "q": search.query,
                "p": search.product,
                "grade": search.grade,
                "part": np.where(tested, "test", "train"),
            },
        }
        for name, columns in tables.items():
            rows = pa.table(dict(columns))
            rows = rows.filter(pa.array(search.fold >= 0)) if name == "pairs" else rows
            pq.write_table(rows, Path(folder) / f"{name}.parquet")
        found = joint(RECIPE, Path(folder), changes)
    said = found.outcomes["order"]
    if not np.array_equal(said.label[:, 0], search.grade[tested]):
        raise ValueError(f"`order` should be tested on {int(tested.sum())} pairs in their order. Found {len(said)} others.")
    return said.prediction[:, 0], found.cost
