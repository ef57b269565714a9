"""The page docs/speed.md, made of the figures of one run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from bench import flops

__all__ = ["write_page"]

_ROWS = 900_000
"""Of an epoch on the generated table: a tenth is for validation and test."""


def write_page(found: Mapping[str, Any], path: Path) -> None:
    """Write the page from what `python -m bench` measured; parts that were not measured are left out."""
    lines = ["# Speed", "", *_machine(found), ""]
    if "throughput" in found:
        lines += [*_throughput(found["throughput"]), ""]
    if "quality" in found:
        lines += [*_quality(found["quality"]), ""]
    if "preparing" in found:
        lines += [*_preparing(found["preparing"], found), ""]
    if "pieces" in found:
        lines += [*_pieces(found["pieces"]), ""]
    if "balancing" in found:
        lines += [*_balancing(found["balancing"]), ""]
    if found.get("encoding"):
        lines += [*_encoding(found["encoding"]), ""]
    if found.get("tuning"):
        lines += [*_tuning(found["tuning"]), ""]
    if found.get("serving"):
        lines += [*_serving(found["serving"]), ""]
    if "recommending" in found:
        lines += [*_recommending(found["recommending"]), ""]
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _machine(found: Mapping[str, Any]) -> list[str]:
    machine, capacity = found["machine"], found["capacity"]
    return [
        f"Made by `make bench`; last run on {found['date']}: `{found['command']}`, {found['seconds'] / 60:.1f} minutes."
        " Parts that it does not name are as before, from this kind of machine:",
        f"{machine['cpu']}, {machine['cores']} cores, {', '.join(machine['flags'])}; Python {machine['python']},",
        f"torch {machine['torch']}, duckdb {machine['duckdb']}. Absolute figures are this machine's. Ratios were"
        f" taken side by",
        "side: all contestants run at once and take short turns, and the best turn of each counts.",
        "",
        f"The machine's own matrix product: {capacity['fp32']:.0f} GFLOP/s in fp32 by default,",
        f"{capacity['fp32_onednn']:.0f} through oneDNN (still exact), {capacity['bf16']:.0f} in bf16.",
        f"A memory copy moves {capacity['copy']:.0f} GB/s.",
    ]


def _throughput(part: Mapping[str, Any]) -> list[str]:
    names = dict.fromkeys(name for race in part.values() for name in race["rates"])
    head = ["| | " + " | ".join(part) + " |", "|---|" + "---|" * len(part)]
    first = next(iter(part.values()))
    return [
        "## Training, rows per second",
        "",
        "MMoE: 8 experts [256, 128], a tower [64] a task, embeddings of 16, batch 4096, two tasks; shared bottom:"
        " [256, 128].",
        "Data loading counts. The plain loop slices ready tensors; Plait reads its prepared table. Numbers enter as"
        " they are, so",
        "that all models have the same input; `its default numbers` are piecewise ones, a wider input that others do"
        " not have.",
        "In brackets: times the plain loop.",
        "",
        *head,
        *(f"| {name} | " + " | ".join(_rate(race["rates"], name) for race in part.values()) + " |" for name in names),
        "",
        "The share of what the machine's best matrix product allows:",
        "",
        *head,
        *(
            f"| {name} | " + " | ".join(_share(race, name, limit) for race in part.values()) + " |"
            for name, limit in (("plait fp32", "limit_fp32"), ("plait auto", "limit_bf16"))
        ),
        "",
        f"The arithmetic, census: {flops.words(first['width'])}.",
        "Forward counts once, backward twice; look-ups, the optimiser and loading count nothing, so that they show as"
        " what is",
        "missing to 100 %.",
    ]


def _rate(rates: Mapping[str, Mapping[str, float]], name: str) -> str:
    if name not in rates:
        return "–"
    against = f" ({rates[name]['best'] / rates['plain']['best']:.2f})" if "plain" in rates else ""
    return f"{rates[name]['best']:,.0f}{against}"


def _share(race: Mapping[str, Any], name: str, limit: str) -> str:
    return f"{race['rates'][name]['best'] / race[limit]:.0%}" if name in race["rates"] else "–"


def _quality(part: Mapping[str, Any]) -> list[str]:
    mark, trees, peer = part["mark"], part["trees"], part.get("torch-rechub")
    rows = [] if peer is None else [_row("torch-rechub MMoE, 3 epochs", peer)]
    rows += [_row(f"**Plait {name}**", found) for name, found in part["soon"].items()]
    rows += [_row(f"Plait MMoE, {end['epochs']} epochs, {end['precision']}, seed {end['seed']}", end) for end in part["end"]]
    reached = [found for found in part["soon"].values() if _reaches(found, mark)]
    soon = min(reached or part["soon"].values(), key=lambda found: float(found["wall"]))
    mean = part["mean"]
    lines = [
        "## Quality, and how soon",
        "",
        "Full KDD census: 199,523 rows to train on (a tenth of them to validate), 99,762 to test on; income and never"
        " married.",
        "Seconds: wall-clock from the start of a fresh process that reads the raw Parquet file to the validated model.",
        "Plait has its defaults but for what is named.",
        "",
        "| | seconds | test AUC income | never married |",
        "|---|---|---|---|",
        *rows,
        f"| mean of the seeds, auto | | {mean['income']:.4f} | {mean['never_married']:.4f} |",
        f"| gradient-boosted trees, one model a task | | {trees['income']:.4f} | {trees['never_married']:.4f} |",
        "",
        f"The mark of the race is test AUC {mark['income']:.3f} / {mark['never_married']:.4f}. The first entry of Plait that"
        " reaches it takes",
        f"{soon['imports']:.1f} s of imports, {soon['prepare']:.1f} s of preparation, {soon['train_and_validate']:.1f} s of"
        " training and validation.",
    ]
    if peer is not None:
        lines.append(f"torch-rechub takes {peer['wall'] / soon['wall']:.1f} times as long as that.")
    return lines


def _reaches(end: Mapping[str, Any], mark: Mapping[str, float]) -> bool:
    """Whether the test AUCs, read to four places, reach a mark."""
    return all(round(end["test"][task], 4) >= mark[task] for task in mark)


def _row(name: str, end: Mapping[str, Any]) -> str:
    return f"| {name} | {end['wall']:.1f} | {end['test']['income']:.4f} | {end['test']['never_married']:.4f} |"


def _preparing(part: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    lines = ["## Before and after training", "", f"- Preparing 1,000,000 rows × 80 columns: {part['seconds']:.1f} s."]
    rates = found.get("throughput", {}).get("generated mmoe", {}).get("rates", {})
    for name in ("plait fp32", "plait auto"):
        if name in rates:
            epoch = _ROWS / rates[name]["best"]
            share = part["seconds"] / epoch
            lines.append(
                f"  One epoch of the MMoE in {name.removeprefix('plait ')} takes {epoch:.1f} s: that is {share:.0%} of it."
            )
    over = part["trained_mb"] - part["imported_mb"] - part["model_mb"]
    lines += [
        f"- Peak memory of preparing and training it: {over:,.0f} MB beyond imports ({part['imported_mb']:,.0f} MB)"
        f" and model",
        f"  ({part['model_mb']:,.0f} MB): {over / part['raw_mb']:.2f} times the raw columns ({part['raw_mb']:,.0f} MB).",
        f"- `plait --help`: {part['help_seconds']:.2f} s.",
    ]
    if "quality" in found:
        soon = found["quality"]["soon"]["MMoE, 2 epochs"]
        ratio = soon["test_rows_per_second"] / soon["rows_per_second"]
        lines.append(f"- Evaluation (fp32) runs at {ratio:.1f} times the rate of training (`precision: auto`), census.")
    return lines


def _pieces(part: Mapping[str, Any]) -> list[str]:
    feeding, embeddings = part["feeding"], part["embeddings"]
    rates = ", ".join(f"{name.replace('_', ' ')} {rate:,.0f}" for name, rate in embeddings.items())
    return [
        "## The pieces",
        "",
        f"- Feeding, batches of 4096 with labels, {feeding['columns']:.0f} packed columns:"
        f" {feeding['rows_per_second'] / 1e6:.1f} million rows/s.",
        f"- Embeddings, 26 columns of 100,000 values, width 16, from look-up to update, rows/s: {rates}.",
    ]


def _balancing(part: Mapping[str, Any]) -> list[str]:
    """Write what methods cost, the dearest last."""
    base = part["average"]
    others = {kind: one for kind, one in part.items() if kind != "average"}
    lines = [
        "## What balancing costs",
        "",
        "Census, the MMoE of the race, batch 4096, bf16. A step of each method against a step of `average`, in turns in one",
        "process; memory is the most that a process of its own ever held, imports and tables included, against that of",
        f"`average` ({base['6']['peak_mb']:,.0f} MB with six tasks). Where gradients are taken is each method's own default."
        " Methods that",
        "read several batches a step are charged for all.",
        "",
        "| method | 2 tasks | 6 tasks | memory, 6 tasks | batches a step |",
        "|---|---|---|---|---|",
    ]
    for kind, one in sorted(others.items(), key=lambda item: item[1]["6"]["ratio"]):
        two = f"× {one['2']['ratio']:.2f}" if "2" in one else "needs more tasks"
        memory = one["6"]["peak_mb"] / base["6"]["peak_mb"]
        lines.append(f"| `{kind}` | {two} | × {one['6']['ratio']:.2f} | × {memory:.2f} | {one['6']['draws']:.0f} |")
    for tasks in ("2", "6"):
        able = [one[tasks] for one in others.values() if tasks in one]
        ratios = [one["ratio"] for one in able]
        memory = max(one["peak_mb"] for one in able) / base[tasks]["peak_mb"]
        lines += [
            "",
            f"{tasks} tasks: the median of {len(ratios)} methods costs × {median(ratios):.2f}, the dearest ×"
            f" {max(ratios):.2f}; memory at most × {memory:.2f}.",
        ]
    return lines


def _encoding(part: Mapping[str, Any]) -> list[str]:
    """Write how fast texts are encoded."""
    first = next(iter(part.values()))
    load = max(one["load"] for one in part.values())
    busy = [f"Other work kept the machine busy meanwhile (load {load:.0f}): the ratios are good to a fifth or so."]
    names = [name for name in first["rates"] if name != "matrix product"]
    rows = [
        f"| {name}: {one['texts']:,} of {one['tokens']:.0f} tokens | "
        + " | ".join(_digits(one["rates"][who]["best"]) for who in names)
        + f" | × {one['ratio']:.2f} | {one['share']:.0%} | {one['cosine_min']:.4f} |"
        for name, one in part.items()
    ]
    return [
        "## Encoding texts, frozen, texts per second",
        "",
        "all-MiniLM-L6-v2 on product titles and on reviews of 500 characters and more, read up to 256 tokens.",
        f"sentence-transformers has its own defaults and the same weights and torch; {_threads(first['threads'])} each.",
        "The share is of bf16 matrix products that take as many operations, padding not counted, in turns of their own; the",
        "cosine is the least between the two vectors of a text.",
        *(busy if load > 2 * first["threads"] + 1 else []),
        "",
        "| | " + " | ".join(names) + " | ratio | share | cosine |",
        "|---|" + "---|" * (len(names) + 3),
        *rows,
    ]


def _tuning(part: Mapping[str, Any]) -> list[str]:
    """Write how fast a language model is tuned."""
    first = next(iter(part.values()))
    names = [name for name in first["rates"] if name != "matrix product"]
    rows = [
        f"| {name}: {one['rows']:,} rows of {one['tokens']:.0f} tokens | "
        + " | ".join(f"{one['rates'][who]['best']:,.1f}" for who in names)
        + f" | × {one['ratio']:.2f} | × {one['to_bf16']:.2f} | {one['share']:.0%} |"
        for name, one in part.items()
    ]
    return [
        "## Tuning a language model, examples per second",
        "",
        "all-MiniLM-L6-v2 with low-rank adapters of rank 8 in all linear maps, texts read up to 256 tokens, batches of 32.",
        "The plain loop is what the Trainer of transformers runs: shuffled batches, padded to the longest, in fp32 as it",
        f"comes or under bf16 autocast; {_threads(first['threads'])} each. Every review is another text; visits are of",
        "products by popularity, whose titles come up again and again. The share is of bf16 matrix products of as many",
        "operations.",
        "",
        "| | " + " | ".join(names) + " | ratio | ratio to bf16 | share |",
        "|---|" + "---|" * (len(names) + 3),
        *rows,
    ]


def _serving(part: Mapping[str, Any]) -> list[str]:
    """Write how fast a bundle answers."""
    rows = [
        f"| {name} | {one['p50']:.2f} | {one['p99']:.2f} | × {one['ratio']:.1f} | {one['per_core']:,.0f} |"
        f" × {one['ratio_per_core']:.1f} |"
        for name, one in part["backends"].items()
    ]
    tasks = list(part["compared"][0]["quality"])
    costs = [
        f"| {one['name']} | {one['bytes'] / 1e6:.2f} MB | {one['milliseconds']:.2f} ms | "
        + " | ".join(f"{one['quality'][task]['value']:.4f}" for task in tasks)
        + " |"
        for one in part["compared"]
    ]
    names = [f"{task} ({part['compared'][0]['quality'][task]['metric']})" for task in tasks]
    return [
        f"## Serving: {part['candidates']} candidates, four tasks",
        "",
        "Films for a person by four tasks that share eight experts of 256 and 128 units, behind one FastAPI route, each in",
        "a process of its own with one thread, asked in turns by one caller who waits. `eager` is the run's own model in",
        "PyTorch; `onnx` is what `plait export` writes, `onnx int8` with `--int8`. The whole service is `plait serve` with",
        "its door, counts, limits of time and titles: `/v1/score` says what the four tasks predict, as the others do;",
        "`/v1/rank` also places the user by the retrieval task, works out the formula and puts the items in order.",
        "Milliseconds are of the whole request; requests are counted by the processor time that the server used.",
        *_where(part),
        "",
        "| | p50 | p99 | ratio of p50 | requests/s of a core | ratio |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        "What 8 bits cost, without HTTP:",
        "",
        "| | size | p50 | " + " | ".join(names) + " |",
        "|---|---|---|" + "---|" * len(tasks),
        *costs,
    ]


def _recommending(part: Mapping[str, Any]) -> list[str]:
    """Write how quick a list is among many items."""
    refused = sum(count for status, count in part["statuses"].items() if status != "200")
    asked = sum(part["statuses"].values())
    return [
        f"## Recommending among {part['items']:,} items",
        "",
        f"`/v1/recommend` of `plait serve --workers {part['workers']}`, one for each core, on which the callers run too,",
        "with a bundle that was exported with `--int8`:",
        "the user is placed, all items are compared, 200 are ranked by all tasks, ten are shown. Callers who wait, four for",
        f"each worker, get {part['capacity']:.0f} answers a second. At {part['share']} of",
        f"that, at random moments and counted from when a request was due, {asked:,} requests took p50",
        f"{part['p50']:.1f} ms, p95 {part['p95']:.1f} ms, p99 {part['p99']:.1f} ms; {refused} were refused or failed.",
        *_where(part),
    ]


def _where(part: Mapping[str, Any]) -> list[str]:
    """Say on which machine a part was measured that has its own."""
    machine = part["machine"]
    return [f"Measured on {part['date']}: {machine['cpu']}, {machine['cores']} cores, {', '.join(machine['flags'])}."]


def _threads(count: int) -> str:
    return "one thread" if count == 1 else f"{count} threads"


def _digits(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"
