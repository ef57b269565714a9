"""What items are about: the vectors a frozen encoder made of their texts, and that of a question among them."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from plait.data.text.vectors import TextEncoder
from plait.run.run import Run
from plait.serve.ask.items import Items

__all__ = ["Meaning"]


@final
class Meaning:
    """Compares questions with the texts of items by their vectors.

    Args:
        run: its frozen encoder made the vectors of the items' texts.
        items: the items that are offered; texts of those that came after training are encoded here.
        encoder: that encoder.
    """

    def __init__(self, run: Run, items: Items, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self._names = text_features(run, items.name)
        known = run.prepared.tables[items.name].vectors
        unit = torch.nn.functional.normalize
        self._places = [_behind(unit(known[name].float(), dim=1), name, items, encoder) for name in self._names]

    def grown(self, items: Items) -> "Meaning":
        """Return the same with the items that came behind; only their texts are encoded."""
        made = object.__new__(Meaning)
        made._encoder, made._names = self._encoder, self._names
        pairs = zip(self._places, self._names, strict=True)
        made._places = [_behind(places, name, items, self._encoder) for places, name in pairs]
        return made

    def likeness(self, query: str) -> Float[Tensor, " N"]:
        """Return the cosine between a question and each item's text, the best of several; 0 for row 0.

        Args:
            query: the question, not empty.
        """
        place = torch.nn.functional.normalize(torch.from_numpy(self._encoder([query])).float(), dim=1)[0]
        return torch.stack([places @ place for places in self._places]).amax(dim=0).double()


def text_features(run: Run, table: str) -> list[str]:
    """Name the texts of a table that a frozen encoder has read."""
    return [f.name for f in run.layout.tables[table].features if f.kind == "text" and f.dim and not f.tokens]


def _behind(places: Float[Tensor, "n D"], name: str, items: Items, encoder: TextEncoder) -> Float[Tensor, "N D"]:
    """Return places of length one with those of later items behind; one whose text is no column lies nowhere."""
    if len(places) > items.rows:
        return places
    column = name.partition(".")[2]
    more = places.new_zeros(items.rows + 1 - len(places), places.shape[1])
    if column in items.table.column_names:
        texts = items.table[column].slice(len(places) - 1).to_pylist()
        more = torch.from_numpy(encoder([str(text or "") for text in texts])).float()
    return torch.cat([places, torch.nn.functional.normalize(more, dim=1)])
