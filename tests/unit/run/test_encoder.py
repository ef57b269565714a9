"""`plait encoder new`: what it says, and what it refuses."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from plait.cli import app
from plait.errors import DataError, RecipeError
from plait.run.encoder import new_encoder_command


@pytest.fixture
def table(tmp_path: Path) -> str:
    rows = {"text": ["the lens is sharp", " ", None, "a sharp lens"] * 20, "tags": [["a"]] * 80, "none": [""] * 80}
    pq.write_table(pa.table(rows), tmp_path / "reviews.parquet")
    return str(tmp_path / "reviews.parquet")


def test_a_folder_and_what_to_do_with_it(tmp_path: Path, table: str) -> None:
    arguments = [
        "encoder",
        "new",
        str(tmp_path / "mine"),
        "--texts",
        f"{table}:text",
        "--size",
        "tiny",
        "--vocabulary",
        "64",
    ]
    done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["texts"], said["size"]) == (40, "tiny")
    assert (tmp_path / "mine" / "config.json").is_file()
    lines, _ = new_encoder_command(tmp_path / "other", [f"{table}:text"] * 2, "tiny", "bpe", 300, 1)
    assert "learned from 80 texts; 2 layers of width 128" in lines[0]
    assert f"model: {{text: {{model: {tmp_path / 'other'}, tune: full}}}}" in lines[1]


def test_words_of_the_refusals(tmp_path: Path, table: str) -> None:
    def new(source: str, size: str = "tiny", folder: str = "mine") -> None:
        new_encoder_command(tmp_path / folder, [source], size, "wordpiece", 100, 1)

    with pytest.raises(RecipeError, match=r"`--size` should be one of tiny, small, base.*Found `huge`"):
        new(f"{table}:text", "huge")
    with pytest.raises(RecipeError, match=r"`--texts` should be FILE:COLUMN.*Found `reviews`"):
        new("reviews")
    with pytest.raises(DataError, match=r"should have a column `txt`. Found text, tags, none. Did you mean `text`"):
        new(f"{table}:txt")
    with pytest.raises(DataError, match=r"Column `tags` .* should hold texts. Found list"):
        new(f"{table}:tags")
    with pytest.raises(DataError, match=r"Found none that is not blank"):
        new(f"{table}:none")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(RecipeError, match=r"should be a new folder.*Name another"):
        new(f"{table}:text", folder="full")
