"""Hidden tokens: which, how, what they cost; next tokens as GPT counts them."""

import pytest
import torch
from torch.nn import functional

from plait.layout import Alphabet
from plait.tasks.masked import Masked
from plait.tasks.tokens import Script

SIZE = 1000


def alphabet(causal: bool = False, states: int = 6) -> Alphabet:
    inner, mask = [*range(800, SIZE)], None if causal else 3
    return Alphabet(size=SIZE, special=[0, 1, 2, 3], inner=inner, mask=mask, states=states, embedding=6)


def settings(**more: object) -> Masked.Settings:
    return Masked.Settings(table="t", kind="masked", text="x", **more)


def script(texts: int = 50, length: int = 100, turn: int = 0) -> Script:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(4, SIZE, (texts, length), generator=generator)
    ids[:, 0], ids[:, -1] = 1, 2
    keys = torch.randint(1, 1 << 62, (texts,), generator=generator)
    weights = torch.randn(SIZE, 6, generator=generator)
    return Script(ids.flatten(), torch.full((texts,), length), keys, torch.arange(texts), turn, weights)


def test_shares_of_what_is_hidden() -> None:
    given, head = script(texts=400, turn=3), Masked(alphabet(), settings())
    chosen = head._chosen(given)
    shown = head.shown(given)
    assert float(chosen.float().sum()) / (400 * 98) == pytest.approx(0.15, abs=0.01)
    assert torch.equal(shown[~chosen], given.ids[~chosen])
    how = shown[chosen]
    assert float((how == 3).float().mean()) == pytest.approx(0.8, abs=0.02)
    assert float((how == given.ids[chosen]).float().mean()) == pytest.approx(0.1, abs=0.02)
    assert (how[how != 3] >= 4).all(), "what replaces a token is no separator"


def test_another_step_hides_others_and_the_same_step_the_same() -> None:
    head = Masked(alphabet(), settings())
    assert torch.equal(head.shown(script(turn=5)), head.shown(script(turn=5)))
    one, other = head._chosen(script(turn=5)).float(), head._chosen(script(turn=6)).float()
    assert float((one * other).sum() / one.sum()) == pytest.approx(0.15, abs=0.04)


def test_a_texts_tokens_are_hidden_alike_wherever_it_stands() -> None:
    head, whole = Masked(alphabet(), settings()), script()
    some = torch.tensor([7, 2])
    ids = whole.ids.view(50, 100)[some].flatten()
    part = Script(ids, whole.lengths[some], whole.keys[some], torch.arange(2), 0, whole.embeddings)
    assert torch.equal(head.shown(part), head.shown(whole).view(50, 100)[some].flatten())


def test_whole_words_are_hidden_together() -> None:
    given = script(texts=200)
    chosen = Masked(alphabet(), settings(whole_words=True))._chosen(given).view(200, 100)
    inner = (given.ids >= 800).view(200, 100)
    inner[:, 1] = False
    assert torch.equal(chosen[:, 2:-1][inner[:, 2:-1]], chosen[:, 1:-2][inner[:, 2:-1]])
    assert float(chosen[:, 1:-1].float().mean()) == pytest.approx(0.15, abs=0.01)


def test_the_loss_by_its_formula() -> None:
    torch.manual_seed(0)
    head, given = Masked(alphabet(), settings()), script(texts=5)
    states = torch.randn(500, 6)
    states.requires_grad_()
    losses = head.losses(head(states, torch.empty(5, 0), given), torch.ones(5, 1), given)
    chosen = head._chosen(given)
    linear, _, norm = head.transform
    read = norm(functional.gelu(states @ linear.weight.T + linear.bias))
    logits = read @ given.embeddings.T + head.bias
    expected = functional.cross_entropy(logits[chosen], given.ids[chosen])
    assert torch.allclose(losses.mean(), expected, atol=1e-5)
    losses.mean().backward()
    assert torch.equal(states.grad.abs().sum(dim=1) > 0, chosen), "only chosen tokens are looked at"


def test_predictions_are_sums_over_guessed_tokens() -> None:
    torch.manual_seed(0)
    head, given = Masked(alphabet(), settings()), script(texts=5)
    output = head(torch.randn(500, 6), torch.empty(5, 0), given)
    found = head.predict(output, given)
    losses = head.losses(output, torch.ones(5, 1), given)
    assert torch.equal(found[:, 2], head._chosen(given).view(5, 100).sum(dim=1).float())
    assert torch.allclose(found[:, 0] * 5 / found[:, 2].sum(), losses, atol=1e-4)
    assert ((found[:, 1] >= 0) & (found[:, 1] <= found[:, 2])).all()


def test_many_tokens_cost_what_they_cost_alone() -> None:
    torch.manual_seed(0)
    head, given = Masked(alphabet(causal=True), settings()), script(texts=60)
    output = head(torch.randn(6000, 6), torch.empty(60, 0), given)
    assert output.shape[0] == 60 * 99 > 2048
    expected = functional.cross_entropy(output @ given.embeddings.T, given.ids.view(60, 100)[:, 1:].flatten())
    assert torch.allclose(head.losses(output, torch.ones(60, 1), given).mean(), expected, atol=1e-5)


def test_next_tokens_cost_what_transformers_says() -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=SIZE, n_embd=8, n_layer=2, n_head=2, n_positions=64)
    model = transformers.GPT2LMHeadModel(config).eval()
    ids = torch.randint(0, SIZE, (3, 20))
    weights = model.get_input_embeddings().weight
    given = Script(ids.flatten(), torch.full((3,), 20), torch.arange(1, 4), torch.arange(3), 0, weights)
    head = Masked(alphabet(causal=True, states=8), settings())
    states = model.transformer(ids).last_hidden_state.flatten(0, 1)
    losses = head.losses(head(states, torch.empty(3, 0), given), torch.ones(3, 1), given)
    assert torch.allclose(losses.mean(), model(ids, labels=ids).loss, atol=1e-5)
    assert list(head.parameters()) == []
    assert torch.equal(head.shown(given), given.ids)


def test_texts_without_a_token_to_guess() -> None:
    head = Masked(alphabet(), settings())
    none = Script(
        torch.tensor([1, 2]), torch.tensor([0, 2]), torch.tensor([0, 9]), torch.tensor([0, 1]), 0, torch.zeros(SIZE, 6)
    )
    output = head(torch.zeros(2, 6), torch.empty(2, 0), none)
    assert head.losses(output, torch.ones(2, 1), none).tolist() == [0.0, 0.0]
    assert head.predict(output, none).tolist() == [[0.0] * 3] * 2
