"""The how-to on methods of one's own, followed to the letter: the class works, and its test passes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_the_class_and_its_test_run_as_written(root: Path, tmp_path: Path) -> None:
    text = (root / "docs" / "howto" / "add-a-method.md").read_text()
    method, suite = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    # Outside the tree the class cannot lie in `plait.share`; nothing else of what the page says changes.
    (tmp_path / "masks.py").write_text(method)
    (tmp_path / "test_masks.py").write_text(suite.replace("from plait.share.masks", "from masks"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 10
