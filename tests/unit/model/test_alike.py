"""Texts that are compared: the encoder's own order to begin with, tuned from there, and none that a task may not read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from plait.data.columns import Prepared
from plait.data.gather import Batch, gather
from plait.data.prepare import prepare
from plait.errors import RecipeError
from plait.model import MultiTaskModel
from plait.recipe import Recipe, load_recipe
from plait.run.build import build_model, build_texts
from plait.tasks.base import Head
from support.wordy import WORDS, bert

PAIRS = 60


class Shop:
    """Questions, products and pairs of them, prepared, and their model."""

    def __init__(self, folder: Path, alike: list[str], **more: Any) -> None:
        generator = torch.Generator().manual_seed(3)
        drawn = torch.randint(len(WORDS), (20, 4), generator=generator).tolist()
        texts = [" ".join(WORDS[word] for word in row) for row in drawn]
        pq.write_table(pa.table({"q": [*range(5)], "words": texts[:5]}), folder / "questions.parquet")
        pq.write_table(pa.table({"p": [*range(15)], "title": texts[5:], "price": [*range(15)]}), folder / "products.parquet")
        pairs = {
            "q": [n % 5 for n in range(PAIRS)],
            "p": [n % 15 for n in range(PAIRS)],
            "grade": [n % 4 for n in range(PAIRS)],
        }
        pq.write_table(pa.table(pairs), folder / "pairs.parquet")
        task = {"table": "pairs", "kind": "ranking", "label": "grade", "group": "q", "alike": alike}
        self.recipe: Recipe = load_recipe(
            {
                "name": "shop",
                "tables": {
                    "questions": {"source": "questions.parquet", "id": "q"},
                    "products": {"source": "products.parquet", "id": "p"},
                    "pairs": {"source": "pairs.parquet", "keys": {"q": "questions", "p": "products"}},
                },
                "features": {
                    "questions.words": "text",
                    "products.title": "text",
                    "products.price": "number",
                    "questions.q": "ignore",
                    "products.p": "ignore",
                },
                "tasks": {"fits": task | more.pop("task", {})},
                "model": {"vector_width": 32, "tower": [], "text": {"model": str(bert(folder / "bert")), "tune": "full"}}
                | more,
            }
        )
        self.prepared: Prepared = prepare(self.recipe.schema_, folder, folder / "cache", build_texts(self.recipe))
        self.model: MultiTaskModel = build_model(self.recipe, self.prepared.layout)

    def batch(self) -> Batch:
        return gather(self.prepared, "pairs", torch.arange(1, PAIRS + 1))

    def cosines(self) -> torch.Tensor:
        """Return how alike the encoder reads question and title of each pair, each vector less its mean."""
        read = self.model.encoder.read([self.batch()], {})[0][0]
        one, other = (read.roles["questions"].vectors["questions.words"], read.roles["products"].vectors["products.title"])
        centred = [vector - vector.mean(1, keepdim=True) for vector in (one, other)]
        return torch.nn.functional.cosine_similarity(*centred, dim=1)


@pytest.mark.parametrize("width", [32, 24])
def test_the_score_begins_as_the_encoders_own(tmp_path: Path, width: int) -> None:
    shop = Shop(tmp_path, ["q.words", "p.title"], vector_width=width)
    shop.model.eval()
    with torch.no_grad():
        score, cosine = shop.model.outputs(shop.batch())["fits"][:, 0], shop.cosines()
    if width == 32:
        assert torch.allclose(score, 20 * cosine, atol=1e-2)
    else:  # a part of the vector holds a part of the truth
        assert torch.corrcoef(torch.stack([score, cosine]))[0, 1] > 0.7


def test_the_loss_reaches_the_encoder_and_the_body(tmp_path: Path) -> None:
    shop = Shop(tmp_path, ["q.words", "p.title"])
    losses, _ = shop.model.losses([shop.batch()], {})
    losses[0].backward()
    assert shop.model.encoder.texts is not None
    assert sum(bool(p.grad is not None and p.grad.any()) for p in shop.model.encoder.texts.parameters()) > 20
    rows = [shop.model.encoder.row_encoder(table) for table in ("questions", "products")]
    projections = [p for encoder in rows for p in encoder.vectors.parameters()]
    assert projections and all(p.grad is None for p in projections), "they stay as they are"
    head = shop.model.head("fits")
    assert isinstance(head, Head)
    assert all(bool(p.grad is not None and p.grad.any()) for name, p in head.named_parameters() if "bias" not in name)


@pytest.mark.parametrize(
    ("alike", "task", "words"),
    [
        (["q.words", "p.price"], {}, "`products.price`, a feature of kind number"),
        (["q.words", "p.name"], {}, "`products.name`, no feature"),
        (["q.words", "p.title"], {"inputs": ["products"]}, "`questions.words`, no feature"),
        (["q.words", "shop.title"], {}, "`alike` should name columns of table `pairs`"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path: Path, alike: list[str], task: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError) as refused:
        Shop(tmp_path, alike, task=task)
    assert words in str(refused.value)


def test_a_ranking_that_compares_is_given_nothing(tmp_path: Path) -> None:
    task = {"given": "likes"}
    with pytest.raises(RecipeError, match="should be given no others where it compares texts"):
        Shop(tmp_path, ["q.words", "p.title"], task=task)
