"""Labels of tasks that say something at the tokens of a text: known once the texts are read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from plait.data.examples import Examples
from plait.data.text.spans import Spans, lay_on_tokens
from plait.data.text.words import Words
from plait.errors import RecipeError

__all__ = ["lay_tags", "lost_words", "tagged"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


def tagged(examples: Examples) -> list[str]:
    """List the text features whose tokens' places are needed."""
    return [task.text for task in examples.layouts.values() if task.kind == "tagging" and task.text is not None]


def lay_tags(examples: Examples, words: Mapping[str, Words], train: Bools | None = None) -> None:
    """Turn phrases into first and last tokens; a row without a text has no label.

    Args:
        examples: their labels are replaced and, in preparation, their layouts.
        words: the texts of the table's features.
        train: rows of the training part, where shares are to be learned.

    Raises:
        RecipeError: tokens were not kept.
    """
    for name, task in examples.layouts.items():
        if task.text is None:
            continue
        if task.text not in words:
            raise RecipeError(
                f"Task `{name}` says something at the tokens of `{task.text}`, which should be read by an encoder inside "
                f"the model. Found vectors. Prepare with a tokenizer."
            )
        read = words[task.text]
        label = examples.labels[name]
        observed = ~np.isnan(label[:, 0]) & (read.places.numpy() > 0)
        if task.kind == "tagging":
            slots, cut = _slots(examples.spans[name], read, len(label) - 1)
            label = np.concatenate([np.full((1, slots.shape[1]), np.nan, np.float32), slots])
            if train is not None:
                _note(examples, name, cut)
        label = np.where(observed[:, None], label, np.float32(np.nan))
        examples.labels[name] = label
        if train is not None:
            used = observed & np.append(False, train)
            learned = _shares(label[used], read, used) if task.kind == "tagging" else {}
            width = {"label_width": label.shape[1], "examples": int(used.sum())}
            examples.layouts[name] = task.model_copy(update=width | learned)


def lost_words(spans: Spans) -> str:
    """Say how many phrases stand nowhere in their text, and give an example; empty where none."""
    if not spans.lost:
        return ""
    row, phrase = spans.examples[0]
    share = f"{spans.lost:,} of {spans.asked:,} phrases ({spans.lost / spans.asked:.0%})"
    return f"{share} stand nowhere in their text, such as `{phrase}` in row {row}"


def _slots(spans: Spans, words: Words, rows: int) -> tuple[Floats, int]:
    assert words.offsets is not None
    places = words.places.numpy()[1:].astype(np.int64)
    return lay_on_tokens(spans, places, words.starts.numpy(), words.offsets.numpy(), rows)


def _note(examples: Examples, name: str, cut: int) -> None:
    if lost := lost_words(examples.spans[name]):
        examples.notes.append(f"Task `{name}`: {lost}; they are not learned.")
    if cut:
        examples.notes.append(
            f"Task `{name}`: {cut:,} phrases stand behind the tokens that are read of their text; raise "
            "`model.text.max_tokens` to learn them."
        )


def _shares(label: Floats, words: Words, used: Bools) -> dict[str, object]:
    """Return the shares of tokens outside of phrases, first in one, further in one."""
    assert words.offsets is not None
    offsets, starts = words.offsets.numpy(), words.starts.numpy()
    real = np.concatenate([[0], np.cumsum(offsets[:, 1] > offsets[:, 0])])
    texts = words.places.numpy()[used]
    total = int((real[starts[texts + 1]] - real[starts[texts]]).sum())
    first, last = label[:, 0::2], label[:, 1::2]
    begun = int((first >= 0).sum())
    inner = int((last - first).sum())
    rates = np.array([total - begun - inner, begun, inner]) / max(total, 1)
    return {"class_rate": [float(rate) for rate in rates]}
