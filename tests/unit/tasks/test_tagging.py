"""Marking phrases: tags by hand, the loss by hand, what is found."""

import pytest
import torch

from plait.layout import Alphabet, TaskLayout
from plait.tasks.tagging import Tagging
from plait.tasks.tokens import Script, marked

LAYOUT = TaskLayout(name="keys", kind="tagging", table="t", class_rate=[0.7, 0.2, 0.1])
ALPHABET = Alphabet(size=10, special=[0, 1], inner=[], mask=None, states=3, embedding=3)


def script(*texts: list[int], of: list[int]) -> Script:
    ids = torch.tensor([token for text in texts for token in text])
    lengths = torch.tensor([len(text) for text in texts])
    return Script(ids, lengths, torch.arange(len(texts)), torch.tensor(of), 0, torch.zeros(10, 3))


def test_phrases_become_tags() -> None:
    label = torch.tensor([[1, 2, 3, 3], [-1, -1, -1, -1], [0, 0, -1, -1]], dtype=torch.float32)
    assert marked(label, torch.tensor([5, 2, 1])).tolist() == [0, 1, 2, 1, 0, 0, 0, 1]
    assert marked(torch.empty(0, 2), torch.empty(0, dtype=torch.int64)).tolist() == []


def test_it_starts_at_the_shares_of_the_tags() -> None:
    for layers in ([], [4]):
        head = Tagging(LAYOUT, ALPHABET, 2, layers)
        given = script([0, 5, 6, 1], of=[0])
        output = head(torch.zeros(4, 3), torch.zeros(1, 2), given)
        if layers:
            head.network[1].weight.data.zero_()
            output = head(torch.zeros(4, 3), torch.zeros(1, 2), given)
        assert torch.softmax(output, dim=1)[1].tolist() == pytest.approx([0.7, 0.2, 0.1], abs=1e-5)


def test_the_loss_is_a_mean_over_tokens_that_are_no_separators() -> None:
    head = Tagging(LAYOUT, ALPHABET, 2, [])
    given = script([0, 5, 6, 7, 1], [0, 1], of=[0, 1, 0])
    logits = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.9, 0.05, 0.05], [0.1, 0.1, 0.8]]).log()
    output = torch.cat([logits, torch.zeros(2, 3), logits])
    label = torch.tensor([[1.0, 2.0], [-1.0, -1.0], [3.0, 3.0]])
    losses = head.losses(output, label, given)
    first = -(torch.tensor(0.8).log() + torch.tensor(0.6).log() + torch.tensor(0.9).log()) / 3
    last = -(torch.tensor(0.1).log() + torch.tensor(0.2).log() + torch.tensor(0.05).log()) / 3
    assert losses.tolist() == pytest.approx([float(first), 0.0, float(last)], abs=1e-5)


def test_places_are_those_in_the_text() -> None:
    head = Tagging(LAYOUT, ALPHABET, 2, [])
    given = script([0, 5, 6, 7, 1], [0, 8, 1], of=[1, 0])
    tags = [0, 1, 0, 0, 0, 1, 2, 0]
    output = torch.full((8, 3), -4.0)
    output[torch.arange(8), torch.tensor(tags)] = 4.0
    found = head.predict(output, given)
    assert found[:, :2].tolist() == [[1, 1], [2, 3]]
    assert ((found[:, 2] > 0.99) & (found[:, 2] <= 1)).all()


def test_leaning_finds_what_is_nearly_likely_and_leaves_chances_as_they_are() -> None:
    given = script([0, 5, 6, 1], of=[0])
    output = torch.tensor([[0.9, 0.05, 0.05], [0.6, 0.4, 0.0], [0.6, 0.01, 0.39], [0.9, 0.05, 0.05]]).clamp(min=1e-6).log()
    found = {lean: Tagging(LAYOUT, ALPHABET, 2, [], lean).predict(output, given).tolist() for lean in (0.0, 1.0)}
    assert found[0.0] == [[]]
    assert found[1.0][0][:2] == [1, 2]
    assert found[1.0][0][2] == pytest.approx(0.4 * 0.39, abs=1e-3)


def test_the_vector_speaks_at_every_token() -> None:
    torch.manual_seed(0)
    head = Tagging(LAYOUT, ALPHABET, 2, [4])
    given = script([0, 5, 6, 1], of=[0, 0])
    output = head(torch.randn(4, 3), torch.tensor([[1.0, 0.0], [0.0, 1.0]]), given)
    assert (output[:4] - output[4:]).abs().sum(dim=1).min() > 1e-4
