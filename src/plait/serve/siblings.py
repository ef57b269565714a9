"""The runs and bundles that lie in the same folder as the one that answers, from their reports alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final, final

from pydantic import ValidationError

from plait.report.content import Report
from plait.run.manifest import BUNDLE, INSIDE
from plait.serve.told import RunsTold, RunTold

__all__ = ["Siblings"]

_REPORT: Final = "report.json"
_MOST: Final = 200


@final
class Siblings:
    """Lists what lies beside a run, reading a report again only when it changed.

    Args:
        folder: where runs and bundles lie; None for the folder in which the one that answers lies.
        serving: the run that answers, on its own or inside of its bundle.
    """

    def __init__(self, folder: Path | None, serving: Path) -> None:
        place = serving.resolve()
        self._serving = place.parent if (place.parent / BUNDLE).is_file() else place
        self._folder = folder or self._serving.parent
        self._kept: dict[Path, tuple[int, RunTold]] = {}

    def told(self) -> RunsTold:
        """Return them, the newest first; what cannot be read is named."""
        found: list[RunTold] = []
        unreadable: list[str] = []
        for place in sorted(self._folder.iterdir())[: 10 * _MOST] if self._folder.is_dir() else []:
            bundle = (place / BUNDLE).is_file()
            inside = place / INSIDE if bundle else place
            report = inside / _REPORT
            if not report.is_file():
                continue
            try:
                found.append(self._read(place, report, "bundle" if bundle else "run"))
            except (OSError, ValidationError, UnicodeDecodeError):
                unreadable.append(place.name)
        found.sort(key=lambda run: -run.made)
        return RunsTold(runs=found[:_MOST], unreadable=unreadable)

    def _read(self, place: Path, report: Path, kind: str) -> RunTold:
        stamp = report.stat().st_mtime_ns
        before = self._kept.get(place)
        if before is not None and before[0] == stamp:
            return before[1]
        content = Report.model_validate_json(report.read_text(encoding="utf-8"))
        told = RunTold(
            name=place.name,
            kind=kind,
            recipe=content.recipe,
            made=stamp / 1e9,
            serving=place.resolve() == self._serving,
            sharing=content.how.get("Sharing and balancing", ""),
            seed=content.seed,
            parameters=content.parameters,
            seconds=content.seconds.get("train", 0.0),
            gain=content.gain,
            hurt=content.hurt,
            figures={name: task.joint[task.metric] for name, task in content.tasks.items() if task.metric in task.joint},
            metrics={name: task.metric for name, task in content.tasks.items()},
            gains={name: task.gain for name, task in content.tasks.items() if task.gain is not None},
        )
        self._kept[place] = stamp, told
        return told
