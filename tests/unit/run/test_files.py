"""Files of rows that a command names: missing ones, and a disk that is full."""

from __future__ import annotations

import errno
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait import cli
from plait.errors import DataError
from plait.run.files import read_rows, write_rows


def test_a_missing_file_is_named_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "new_rows.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"Found no such file\. Did you mean `new_rows.csv`\?"):
        read_rows(tmp_path / "new_row.csv")


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(rows: pa.Table, path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        write_rows(pa.table({"a": [1]}), tmp_path / "scores.parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/a"),
            "No space left on device while writing or reading `runs/a`.",
        ),
        (OSError(errno.EROFS, "Failed to open 'x'"), "Read-only file system while writing or reading `Failed to open 'x'`."),
    ],
)
def test_the_command_line_says_what_the_system_said(
    error: OSError, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    assert words in capsys.readouterr().err
