"""What is decayed, what is clipped, what is added up."""

from __future__ import annotations

import pytest
import torch

from plait.train.optimiser import Optimiser, decayed
from plait.train.step import Step
from plait.train.supply import Supply
from support.model import Mean, Tiny
from support.prepared import shop
from support.runs import settings, train

CPU = torch.device("cpu")


def test_only_weight_matrices_are_decayed() -> None:
    model = Tiny(shop())
    model.shared.append(torch.nn.Embedding(3, 2))
    model.shared.append(torch.nn.LayerNorm((4, 4)))
    decay, plain = decayed(model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert {names[id(p)] for p in decay} == {"shared.0.weight", "heads.0.weight", "heads.1.weight", "heads.2.weight"}
    assert {names[id(p)] for p in plain} == {
        "absent", "shared.0.bias", "shared.1.weight", "shared.1.bias", "heads.0.bias", "heads.1.bias", "heads.2.bias",
        "shared.4.weight", "shared.5.weight", "shared.5.bias",
    }  # fmt: skip


def test_decay_pulls_weights_without_a_gradient_of_their_own() -> None:
    prepared = shop(ratings=100)
    model = Tiny(prepared)
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimiser = Optimiser(model, [], settings(weight_decay=0.5, learning_rate=0.1))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step([None, None], 1.0, torch.tensor(1.0), torch.tensor(0.0))
    end = model.state_dict()
    assert torch.allclose(end["shared.0.weight"], start["shared.0.weight"] * 0.95)
    assert all(torch.equal(end[name], start[name]) for name in ("users.weight", "shared.0.bias", "shared.1.weight"))


def one_step(clip: float | None, accumulate: int = 1, batch: int = 64) -> dict[str, torch.Tensor]:
    """The gradient a step uses, as the first moment of AdamW shows it: 0.1 times the gradient."""
    prepared = shop(ratings=320)
    model = Tiny(prepared, dropout=0.0).train()
    options = settings(batch=batch, accumulate=accumulate, mix="joint")
    supply = Supply(prepared, options, 1, 17, CPU)
    optimiser = Optimiser(model, [], options)
    Step(model, Mean(), optimiser, clip, "fp32", CPU)(next(supply.epoch(0, 0)), 1.0)
    state = optimiser.state_dict()
    return {name: tensor / 0.1 for name, tensor in state.items() if name.endswith("exp_avg")} | {
        "rows": torch.cat([tensor.flatten() for name, tensor in state.items() if name.endswith(".mean")]) / 0.1
    }


def test_the_whole_gradient_is_clipped() -> None:
    free, cut = one_step(None), one_step(0.01)
    length = torch.stack([tensor.norm() for tensor in free.values()]).norm()
    assert float(length) > 0.1
    for name, tensor in cut.items():
        assert torch.allclose(tensor, free[name] * 0.01 / length, atol=1e-7)
    assert all(torch.allclose(tensor, free[name]) for name, tensor in one_step(1e6).items())


def test_added_batches_are_averaged() -> None:
    found = one_step(None, accumulate=2, batch=32)
    halves = [one_half(number) for number in (0, 1)]
    for name, tensor in found.items():
        assert torch.allclose(tensor, (halves[0][name] + halves[1][name]) / 2, atol=1e-6)


def one_half(number: int) -> dict[str, torch.Tensor]:
    prepared = shop(ratings=320)
    model = Tiny(prepared, dropout=0.0).train()
    options = settings(batch=32)
    supply = Supply(prepared, options, 1, 17, CPU)
    optimiser = Optimiser(model, [], options)
    draws = list(supply.epoch(0, 0))[number]
    Step(model, Mean(), optimiser, None, "fp32", CPU)(draws, 1.0)
    state = optimiser.state_dict()
    return {name: tensor / 0.1 for name, tensor in state.items() if name.endswith("exp_avg")} | {
        "rows": torch.cat([tensor.flatten() for name, tensor in state.items() if name.endswith(".mean")]) / 0.1
    }


@pytest.mark.parametrize("draws", [1, 2, 3])
def test_a_balancer_gets_as_many_draws_as_it_wants(draws: int) -> None:
    prepared = shop(ratings=320)
    shapes = []

    class Several(Mean):
        def __init__(self) -> None:
            super().__init__()
            self.draws = draws

        def backward(self, losses, present, shared, own):
            shapes.append(tuple(losses.shape))
            flat, there = losses.reshape(-1, 3).mean(dim=0), present.reshape(-1, 3).any(dim=0)
            return super().backward(flat, there, shared, own)

    _, fitted = train(prepared, settings(batch=64, epochs=1), Several)
    assert set(shapes) == ({(3,)} if draws == 1 else {(draws, 3)})
    assert len(shapes) == fitted.steps == -(-4 // draws)


def test_only_what_is_asked_for_is_trained() -> None:
    prepared = shop(ratings=100)
    model = Tiny(prepared)
    optimiser = Optimiser(model, [], settings(), only=model.own_tensors()[0])
    assert {id(p) for p in optimiser.dense} == {id(p) for p in model.heads[0].parameters()}
    assert optimiser.rows == []


def test_the_state_travels() -> None:
    prepared = shop(ratings=200)
    options = settings(batch=32)
    models = [Tiny(prepared, dropout=0.0).train() for _ in range(2)]
    optimisers = [Optimiser(model, [], options) for model in models]
    draws = list(Supply(prepared, options, 1, 17, CPU).epoch(0, 0))
    step = Step(models[0], Mean(), optimisers[0], None, "fp32", CPU)
    step(draws[0], 1.0)
    optimisers[1].load_state_dict({name: tensor.clone() for name, tensor in optimisers[0].state_dict().items()})
    models[1].load_state_dict(models[0].state_dict())
    step(draws[1], 1.0)
    Step(models[1], Mean(), optimisers[1], None, "fp32", CPU)(draws[1], 1.0)
    assert all(torch.equal(a, b) for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True))
