"""The command: lay the data out, run the race, write the table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path

from plait.data.prepare import prepare
from plait.errors import RecipeError, nearest
from plait.progress import Tell
from plait.run.build import build_media, build_texts
from plait.run.methods.entrants import BASELINE, Entrant, entrants
from plait.run.methods.grounds import GROUNDS, lay_out
from plait.run.methods.page import write_page
from plait.run.methods.race import Lap, laps_of, race, recipe_of, rows_of
from plait.run.methods.standing import Standing, standings
from plait.run.resolve import resolve

__all__ = ["bench_methods"]


def bench_methods(
    out: Path, data: Path | None, grounds: Sequence[str], only: Sequence[str], seeds: int, page: Path | None, tell: Tell
) -> tuple[list[str], object]:
    """Run every method on every ground and write `results.jsonl` and the page; what is there already is not run again.

    Args:
        out: keeps tables and results.
        data: where the data of grounds that do not come by themselves lie.
        grounds: which; those whose data are there where none is named.
        only: which methods, besides the baseline; all where none is named.
        seeds: how many.
        page: the Markdown page; `out/benchmarks.md` where not said.
        tell: hears of progress.

    Returns:
        Lines for people, and the standings as data.

    Raises:
        RecipeError: a ground or method that does not exist, or whose data are not there.
    """
    laps: list[Lap] = []
    names = list(grounds) or [name for name, ground in GROUNDS.items() if _there(ground.needs, data)]
    for name in names:
        ground = lay_out(name, out / "grounds" / name, data)
        chosen = _chosen(entrants(ground), only)
        _prepare(Lap(name, chosen[0], 1), out, tell)
        laps += laps_of(name, chosen, seeds)
    wanted = {(lap.ground, lap.entrant.name) for lap in laps}
    for number, row in enumerate(race(laps, out, os.cpu_count() or 1), 1):
        tell(f"methods ({row.ground}: {row.method})", number, len(laps))
    rows = [row for row in rows_of(out / "results.jsonl") if (row.ground, row.method) in wanted]
    found = {name: standings(GROUNDS[name], [row for row in rows if row.ground == name]) for name in names}
    target = page or out / "benchmarks.md"
    write_page(found, target, "plait bench methods")
    return _lines(found, target), {name: [_plain(asdict(one)) for one in some] for name, some in found.items()}


def _there(needs: Sequence[str], data: Path | None) -> bool:
    return all(data is not None and (data / file).is_file() for file in needs)


def _chosen(every: list[Entrant], only: Sequence[str]) -> list[Entrant]:
    names = [one.name for one in every]
    for name in only:
        if name not in names:
            raise RecipeError(f"`--only` should name methods. Found `{name}`.{nearest(name, names)}")
    return [one for one in every if not only or one.name in only or one.name == BASELINE]


def _prepare(lap: Lap, out: Path, tell: Tell) -> None:
    """Prepare once before several processes want the same."""
    folder = out / "grounds" / lap.ground
    resolved = resolve(recipe_of(lap), base=folder)
    texts, media = build_texts(resolved.recipe), build_media(resolved.recipe)
    prepare(resolved.recipe.schema_, folder, folder / "prepared", texts, tell, media=media)


def _plain(value: object) -> object:
    """Write what is no number as nothing, since JSON has no word for it."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return None if isinstance(value, float) and not isfinite(value) else value


def _lines(found: dict[str, list[Standing]], page: Path) -> list[str]:
    lines = []
    for ground, some in found.items():
        lines += [f"{ground}: mean gain over tasks against `{BASELINE}`", *map(_line, some)]
    return [*lines, f"Page: {page}"]


def _line(one: Standing) -> str:
    if one.refused:
        return f"  {one.method:26} refused: {one.refused}"
    value, low, high = (100 * number for number in (one.gain.value, one.gain.low, one.gain.high))
    sure = f"[{low:+.2f} to {high:+.2f}]  {one.verdict}" if isfinite(low) else "(too few seeds for an interval)"
    return f"  {one.method:26} {value:+7.2f} %  {sure}  cost {one.cost:.2f}"
