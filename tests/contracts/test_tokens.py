"""The contract of heads of tokens, over all built-in ones."""

import torch

from plait.layout import TaskLayout
from plait.tasks.masked import Masked
from plait.tasks.tagging import Tagging
from plait.testing import TokenHeadContract

LAYOUT = TaskLayout(name="keys", kind="tagging", table="t", class_rate=[0.8, 0.1, 0.1])


class _Tagging(TokenHeadContract):
    def labels(self, lengths):
        rows = [[1, 1, 3, 5] if size > 7 else [1, 1, -1, -1] if size > 2 else [-1] * 4 for size in lengths]
        return torch.tensor(rows, dtype=torch.float32).reshape(len(lengths), 4)


class TestTagging(_Tagging):
    def build(self, alphabet, width):
        return Tagging(LAYOUT, alphabet, width, [5])


class TestTaggingWithoutATower(_Tagging):
    def build(self, alphabet, width):
        return Tagging(LAYOUT, alphabet, width, [])


class _Masked(TokenHeadContract):
    alone = False

    def labels(self, lengths):
        return torch.ones(len(lengths), 1)

    def build(self, alphabet, width):
        return Masked(alphabet, Masked.Settings(table="t", kind="masked", text="x", share=0.3))


class TestMasked(_Masked):
    pass


class TestMaskedWholeWords(_Masked):
    def build(self, alphabet, width):
        return Masked(alphabet, Masked.Settings(table="t", kind="masked", text="x", share=0.3, whole_words=True))
