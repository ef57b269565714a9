"""The vectors of a tuned encoder's tokens as rows: the same answers and gradients, and only what was read changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from plait.encode.text.live import LiveText
from plait.encode.text.settings import Text
from plait.encode.text.token_rows import TokenRows
from support.wordy import bert, gpt

MODELS = {"bert": bert, "gpt": gpt}
TEXTS = [[2, 6, 4, 3], [0, 6, 7], [9]]
IDS = torch.tensor([token for text in TEXTS for token in text], dtype=torch.int32)
LENGTHS, KEYS = torch.tensor([4, 3, 1]), torch.tensor([1, 2, 3])


def encoder(folder: Path, kind: str, looks_up: bool, **settings: object) -> LiveText:
    torch.manual_seed(3)
    model = MODELS[kind](folder / kind)
    made = LiveText(Text.Settings.model_validate({"model": str(model), "tune": "full", **settings}))
    if looks_up:
        made.look_up()
    for module in made.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    made._loaded.model.config.attention_probs_dropout_prob = 0.0
    return made.train()


def rows(made: LiveText) -> TokenRows:
    found = made._loaded.model.get_input_embeddings()
    assert isinstance(found, TokenRows)
    return found


def table(made: LiveText) -> Tensor:
    return made.embeddings.detach().clone()


@pytest.mark.parametrize("kind", MODELS)
def test_answers_and_gradients_are_those_of_the_encoders_own(tmp_path: Path, kind: str) -> None:
    own, looked = encoder(tmp_path, kind, False), encoder(tmp_path, kind, True)
    vectors = []
    for made in (own, looked):
        torch.manual_seed(1)
        vectors.append(made(IDS, LENGTHS, KEYS))
        vectors[-1].square().sum().backward()
    assert torch.equal(vectors[0], vectors[1])
    whole = own.embeddings.grad
    assert whole is not None and looked.embeddings.grad is None
    grads = torch.zeros_like(whole)
    for codes, leaf in rows(looked).table.take():
        assert leaf.grad is not None
        grads.index_add_(0, codes.long(), leaf.grad)
    assert torch.allclose(grads, whole, atol=1e-6)
    assert bool(grads[0].any()) == (kind == "gpt"), "BERT's first token is nothing, GPT's a word like any other"


def test_what_is_exported_has_what_was_learned(tmp_path: Path) -> None:
    made = encoder(tmp_path, "bert", True)
    with torch.no_grad():
        rows(made).weight[6] += 1
    learned = table(made)
    made.eval()
    with torch.no_grad():
        before = made(IDS, LENGTHS, KEYS)
    made.export(tmp_path / "encoder")
    assert type(made._loaded.model.get_input_embeddings()) is nn.Embedding
    again = LiveText(Text.Settings(model=str(tmp_path / "encoder"))).eval()
    assert torch.equal(again.embeddings, learned)
    with torch.no_grad():
        assert torch.allclose(again(IDS, LENGTHS, KEYS), before, atol=1e-6)


def test_a_held_table_is_not_in_the_graph(tmp_path: Path) -> None:
    made = encoder(tmp_path, "bert", True, unfreeze="gradual")
    made.before_step(0.2)
    made(IDS, LENGTHS, KEYS).sum().backward()
    assert rows(made).table.take() == []
    made.before_step(0.9)
    made(IDS, LENGTHS, KEYS).sum().backward()
    assert len(rows(made).table.take()) == 1


def test_the_rate_is_that_of_the_lowest_layer(tmp_path: Path) -> None:
    made = encoder(tmp_path, "bert", True, learning_rate=1.0, layer_decay=0.5)
    rates = {id(p): rate for p, rate in made.rates()}
    assert rates[id(rows(made).weight)] == 0.25
    assert len(rates) == sum(p.requires_grad for p in made.parameters())


def test_a_frozen_one_and_one_that_computes_more_keep_theirs(tmp_path: Path) -> None:
    class Scaled(nn.Embedding):
        """As some models have it: what is looked up is also scaled."""

    adapted = encoder(tmp_path, "bert", True, tune="lora")
    assert type(adapted._loaded.model.get_input_embeddings()) is nn.Embedding
    made = encoder(tmp_path, "bert", False)
    size = table(made).shape
    made._loaded.model.set_input_embeddings(Scaled(*size))
    made.look_up()
    assert type(made._loaded.model.get_input_embeddings()) is Scaled
