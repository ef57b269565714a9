"""The films of `support.films` with a table of facts about them: genres and actors, of some films nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from support.films import write_films

FILMS = [f"f/{number} é" for number in range(30)]


def write_knowledge(folder: Path, *, link: bool = True, most: int = 4) -> dict[str, Any]:
    """Write films and facts and return the recipe; with `link`, a task predicts where facts lead."""
    values = write_films(folder)
    draw = np.random.default_rng(0)
    facts = [(film, "genre", g) for film in FILMS[:28] for g in draw.choice(list("abcdef"), 3, replace=False)]
    facts += [(film, "actor", g) for film in FILMS[:20] for g in draw.choice(list("pqrst"), 2, replace=False)]
    film, relation, thing = zip(*facts, strict=True)
    pq.write_table(pa.table({"film_id": film, "relation": relation, "thing": thing}), folder / "facts.parquet")
    values["tables"]["facts"] = {"source": "facts.parquet", "keys": {"film_id": "films"}}
    values["features"]["facts.relation"] = "category"
    values["features"]["thing.thing"] = "id"
    values["features"]["films.known"] = {"kind": "graph", "of": "facts.thing", "relation": "relation", "most": most}
    if link:
        values["tasks"]["link"] = {"table": "facts", "kind": "retrieval", "label": "thing"}
    return values
