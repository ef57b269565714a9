"""The page docs/texts.md, made of the figures that were kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["write_page"]

_TITLES: Final = {
    "clothing": "Reviews of clothing, a share of the rows",
    "clothing_all": "Reviews of clothing, all rows",
    "blitzer": "Praise or not: trained on books, tested on films",
    "chinese": "Reviews of Chinese shops",
    "chorus": "Search in a shop",
    "aspects": "What reviews speak of",
}
_WORDS: Final = {
    "clothing": [
        "Reviews with words and a department, title and text in one; a fifth of them tests. All three see the same",
        "rows of the others, the two encoders the first 64 tokens of each, in two passes of batches of 16. Plait learns",
        "five tasks in its one run: the three that are compared, and stars and class of item.",
        "",
    ],
    "clothing_all": [
        "The same test rows; Plait and tf-idf see all of the other reviews, Plait the first 128 tokens of each, in two",
        "passes.",
        "",
    ],
    "blitzer": [
        "Reviews of books to learn from, of films to test on, title and text in one, the first 192 tokens of each, two",
        "passes of batches of 16. Plait learns stars too, and passes once: on books held out one pass reached .918 for 367",
        "seconds of processor, two .928 for 722. A plain loop that passes once was not tried.",
        "",
    ],
    "chinese": [
        "All 62,773 reviews that hold words, in ten categories; reviews with the same text are on the same side. tf-idf",
        "counts runs of up to four characters and fits a model a task. Plait uses no pretrained encoder here: runs of up",
        "to three characters are a category with many values, each with a vector of its own, and both tasks read their",
        "mean, in five passes. Settings were chosen on a tenth of the texts, held out of training. There is no plain loop:",
        "no encoder that reads Chinese and can be tuned comes in a package.",
        "",
    ],
    "chorus": [
        "Products that people graded 0 to 3 for a query are put in order. All pairs of a query are on the same side, the",
        "mean is over queries, each tested once, and the gain of a grade g is 2^g - 1. Of the 95 queries 80 have a",
        "product graded above 0; only they have an nDCG. In 9 of those all products have the same grade, and every order",
        "is best; the 71 others are what is wanted. All read title and description as one, the encoders the first 64",
        "tokens: chosen after the encoder as it comes had ordered all queries by titles alone (.849 on the 71) and by",
        "both. tf-idf counts the words of the whole shop; it and the encoder as it comes order by cosine. The plain loop",
        "tunes the cosine (CoSENT), in two passes of batches of 32 pairs. Plait's task `order` begins with the cosine too",
        "(`alike`), and its second task says of each pair whether its grade is 2 or more; two passes of whole lists.",
        "It tunes the three topmost of six layers: on queries held out of those to learn from they reached .905 for 338",
        "seconds of processor, all six .902 for 519.",
        "Else settings were not searched, but these are the second tried, on the same queries: with rates of 5e-5 for the",
        "encoder and 1e-3 for all else, projections of the texts among it (they stay as they are now), it reached .884 on",
        "the 71.",
        "",
    ],
    "aspects": [
        "Sentences from reviews of 14 products, ten to learn from and four, drawn, to test on. A labelled phrase counts",
        "at all its places in the sentence, whatever its case, and whether it is one or many of them. Sentences without a",
        "phrase are kept: whatever is found there is wrong. What is wanted is the F1 of phrases whose first and last word",
        "are right; where parts count, a phrase that shares a word with a labelled one is half right. Labelled phrases",
        "that stand nowhere in their sentence are left out in the first two lines, and missed in the next two. The",
        "dictionary marks the longest phrases it has seen that were meant in three of ten of their places. Both encoders",
        "read 96 tokens in three passes of batches of 32, at a rate of 1e-4, and favour phrases by one log odds: of 0,",
        "0.5, 1 and 1.5 the best for a plain loop after one pass, tested on three of the ten products that the other",
        "seven do not hold. Plait tunes the four topmost layers (on those three products .343, all six .339) and has a",
        "second task, which the plain loop tunes a second encoder for: whether a sentence praises more than it blames.",
        "What is wanted is far away for all: what a product's reviewers single out is no phrase in those of another. Tried",
        "on the same three products: each task alone, three layers (.332), six passes (.350), and hidden words and praise",
        "of 15,000 pros and cons of such products beside (.357, at eight times the cost).",
        "",
    ],
}
_WHO: Final = {
    "tf-idf": "tf-idf, logistic regression",
    "dictionary": "phrases known from training",
    "untuned": "the encoder as it comes",
    "plain": "tuned alone, plain loop",
    "plait": "Plait, one model",
}
_WHO_OF: Final = {("chorus", "tf-idf"): "tf-idf, cosine"}
_TASKS: Final = {
    "mixed": "queries whose products differ",
    "any": "queries that any product answers",
    "phrases": "phrases",
    "parts": "phrases, parts count",
    "all phrases": "all phrases",
    "all parts": "all phrases, parts count",
}


def write_page(found: Mapping[str, Any], path: Path) -> None:
    """Write the page from what `python -m bench.texts` measured; parts that were not measured are left out."""
    lines = [
        "# Texts: how good, at what cost",
        "",
        "Made by `python -m bench.texts --write`. The contestants of a part see the same rows:",
        "",
        "- **tf-idf**: words and pairs of words, weighed by rarity, and a logistic regression a task;",
        "- **plain loop**: the encoder all-MiniLM-L6-v2 with a linear head, all of it tuned, once for each task: AdamW,",
        "  warm-up and linear decay, shuffled batches padded to the longest; in bf16, as Plait, where the processor has it;",
        "- **Plait**: one model with the same encoder for all tasks in one training.",
        "",
        "In brackets are 95 % intervals by the bootstrap over the test rows, of differences in pairs; every contestant",
        "was trained once, with one seed. Costs are seconds of processor for all tasks together: reading the texts and",
        "training, not testing. Plait's recipes stand in `bench/texts`; where a part does not say otherwise, their settings",
        "were chosen on rows held out of clothing's training part, before any test row was looked at.",
    ]
    for part in [*(name for name in _TITLES if name in found), *(name for name in found if name not in _TITLES)]:
        lines += ["", *_part(part, found[part])]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _part(part_name: str, part: Mapping[str, Any]) -> list[str]:
    who = list(part["cost"])
    others = [name for name in who if name != "plait"]
    head = [
        "task",
        *(_WHO_OF.get((part_name, name), _WHO[name]) for name in who),
        *(f"Plait – {name}" for name in others),
        "wanted",
    ]
    rows = []
    for task, side in part["tasks"].items():
        figures = [_figure(side["figures"][name]) if name in side["figures"] else "–" for name in who]
        apart = [_apart(side["differences"][name]) if name in side["differences"] else "–" for name in others]
        target = "" if side.get("target") is None else f"{side['target']:.3f}"
        rows.append([f"{_TASKS.get(task, task)}: {_metric(side['metric'])}", *figures, *apart, target])
    costs = ["seconds of processor", *(f"{part['cost'][name]:,.0f}" for name in who), *("" for _ in others), ""]
    loads = [load for notes in part["notes"].values() for load in notes.get("load", [])]
    threads = "one thread" if part["threads"] == 1 else f"{part['threads']} threads"
    busy = f", while the machine's load was {min(loads):.1f} to {max(loads):.1f}" if loads else ""
    return [
        f"## {_TITLES.get(part_name, part_name.capitalize())}",
        "",
        *_WORDS.get(part_name, []),
        f"{part.get('rows') or _rows(part)}. `{part['command']}`, {part['date']},",
        f"{threads}{busy}.",
        "",
        *("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows, costs)),
        *_share(part),
    ]


def _rows(part: Mapping[str, Any]) -> str:
    return f"Trained on {part['train']:,} rows, tested on {part['test']:,}"


def _share(part: Mapping[str, Any]) -> list[str]:
    cost = part["cost"]
    if not {"plain", "plait"} <= {*cost}:
        return []
    return ["", f"Plait's one training costs {cost['plait'] / cost['plain']:.0%} of the plain loop's."]


def _figure(one: Mapping[str, float]) -> str:
    return f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"


def _apart(one: Mapping[str, float]) -> str:
    return f"{one['value']:+.3f} ({one['low']:+.3f} to {one['high']:+.3f})"


def _metric(name: str) -> str:
    return {"auc": "AUC", "ndcg@10": "nDCG@10", "f1": "F1", "f1_partial": "F1"}.get(name, name.replace("_", " "))
