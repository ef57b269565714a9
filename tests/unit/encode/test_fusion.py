"""Modalities fused: golden values, what is missing counts for nothing, nothing hidden leaks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from plait.encode.fusion import Attention, Concat, Fusion, Gated, build_fusion
from plait.encode.modality import Modality
from plait.encode.row import RowEncoder
from plait.encode.vectors import VectorEncoder
from plait.layout import FeatureLayout, TableLayout

ITEMS = TableLayout(
    name="items",
    rows=4,
    codes=1,
    numbers=1,
    vocabulary=6,
    features=[
        FeatureLayout(name="items.id", kind="id", slots=[0], first=1, size=5),
        FeatureLayout(name="items.price", kind="number", numbers=[0]),
        FeatureLayout(name="items.title", kind="text", dim=6),
        FeatureLayout(name="items.photo", kind="image", dim=5),
        FeatureLayout(name="items.sound", kind="audio", dim=4 * 3, shape=[4, 3]),
    ],
)
FUSIONS = [Concat.Settings(), Gated.Settings(), Attention.Settings(heads=2)]


def fusion(kind: str, parts: int = 3, width: int = 4) -> Fusion:
    torch.manual_seed(0)
    settings = Gated.Settings() if kind == "gated" else Attention.Settings(heads=2)
    built = build_fusion(settings, parts, width)
    assert built is not None
    return built


def row(settings: Concat.Settings | Gated.Settings | Attention.Settings, views: int = 1) -> RowEncoder:
    torch.manual_seed(0)
    return RowEncoder(ITEMS, RowEncoder.Settings(width=3, vector_width=8, sound_width=7, fusion=settings), views)


def inputs(rows: int = 4) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    draw = torch.Generator().manual_seed(3)
    vectors = {
        f"items.{name}": torch.randn(4, dim, generator=draw) for name, dim in (("title", 6), ("photo", 5), ("sound", 7))
    }
    vectors["items.photo"][1] = 0
    vectors["items.title"][2] = vectors["items.photo"][2] = vectors["items.sound"][2] = 0
    codes, numbers = torch.tensor([[1], [2], [3], [0]], dtype=torch.int32), torch.randn(4, 1, generator=draw)
    return codes[:rows], numbers[:rows], {name: vector[:rows].half() for name, vector in vectors.items()}


def test_gates_by_hand() -> None:
    built = fusion("gated", parts=2, width=1)
    with torch.no_grad():
        built.value.copy_(torch.tensor([[[1.0]], [[2.0]]]))
        built.gate.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 0.5]]))
        built.gate.bias.zero_()
    found = built(torch.tensor([[[0.5], [-1.0]]]), torch.tensor([[True, True]]))
    z = 1 / (1 + np.exp(-(0.5 + 0.5)))  # the paper's gate: sigmoid of the difference of the two scores
    assert found.item() == pytest.approx(z * np.tanh(0.5) + (1 - z) * np.tanh(-2.0), abs=1e-6)


def test_gates_in_numpy() -> None:
    built = fusion("gated", parts=3, width=4)
    draw = np.random.default_rng(1)
    x, there = draw.normal(size=(5, 3, 4)).astype(np.float32), draw.random((5, 3)) < 0.6
    there[:, 0] = True
    found = built(torch.from_numpy(x), torch.from_numpy(there)).detach().numpy()
    value, weight, bias = (t.detach().numpy() for t in (built.value, built.gate.weight, built.gate.bias))
    for b in range(5):
        scores = (weight @ x[b].ravel() + bias).reshape(3, 4)
        raised = np.exp(scores) * there[b][:, None]
        wanted = sum(raised[m] / raised.sum(0) * np.tanh(x[b, m] @ value[m]) for m in range(3))
        np.testing.assert_allclose(found[b], wanted, atol=1e-5)


@pytest.mark.parametrize("kind", ["gated", "attention"])
def test_what_is_missing_counts_for_nothing_but_its_mark(kind: str) -> None:
    built = fusion(kind)
    parts, there = torch.randn(6, 3, 4), torch.ones(6, 3, dtype=torch.bool)
    assert built(parts[:0], there[:0]).shape == (0, 4)
    torch.testing.assert_close(built(parts[2:3], there[2:3])[0], built(parts, there)[2])
    whole = built(parts, there)
    there[:, 1] = False
    assert (built(parts, there) - whole).abs().min(1).values.max() > 0
    assert torch.isfinite(built(parts, torch.zeros_like(there))).all()
    (
        torch.testing.assert_close(built(parts, torch.zeros_like(there)), whole),
        "where nothing is there, marks are all there is",
    )
    if kind == "attention":
        moved = parts.clone()
        moved[:, 1] = 9.0
        torch.testing.assert_close(built(moved, there), built(parts, there))


def test_attention_does_not_depend_on_the_order() -> None:
    built = fusion("attention")
    parts, there, order = torch.randn(2, 3, 4), torch.tensor([[True, True, False], [True, False, True]]), [2, 0, 1]
    before = built(parts, there)
    with torch.no_grad():
        built.kinds.copy_(built.kinds[order])
    torch.testing.assert_close(built(parts[:, order], there[:, order]), before)


def test_a_modality_that_is_missing_has_a_learned_vector() -> None:
    torch.manual_seed(0)
    modality = Modality(VectorEncoder(5, 3), 3, 0.5)
    torch.nn.init.constant_(modality.absent, 7.0)
    vector = torch.randn(400, 5)
    vector[0] = 0
    found, there = modality.eval()(vector)
    assert there.tolist() == [False] + [True] * 399
    assert (found[0] == 7).all()
    assert not modality(vector, hidden=True)[1].any()
    kept = modality.train()(vector)[1].float().mean()
    assert 0.4 < kept < 0.6


@pytest.mark.parametrize("settings", FUSIONS)
@pytest.mark.parametrize("views", [1, 3])
def test_rows_of_any_number_and_views(settings: Gated.Settings, views: int) -> None:
    built = row(settings, views)
    for rows in (0, 1, 4):
        assert built(*inputs(rows)).shape == (views, rows, built.width)
    one = built(*inputs(1))
    torch.testing.assert_close(built(*inputs())[:, :1], one, atol=1e-5, rtol=1e-5)
    assert built.width == (4 + 3 * 8 if settings.kind == "concat" else 4 + 8)
    assert [name for name, (start, stop) in built.spans.items() if stop <= 4] == ["items.id", "items.price"]
    assert len(built.spans) == (5 if settings.kind == "concat" else 3)
    built(*inputs()).sum().backward()
    trained = {name: p.grad for name, p in built.named_parameters() if name not in ("embedding.weight", "own.absent")}
    assert [name for name, grad in trained.items() if grad is None or not torch.isfinite(grad).all()] == []


@pytest.mark.parametrize("settings", FUSIONS[1:])
@pytest.mark.parametrize("name", ["items.id", "items.price", "items.title", "items.photo", "items.sound"])
def test_what_is_hidden_leaves_no_trace(settings: Gated.Settings, name: str) -> None:
    built = row(settings).eval()
    codes, numbers, vectors = inputs()
    mixed = built(codes, numbers, vectors, [name])[0, :, 4:]
    assert not torch.allclose(mixed, built(codes, numbers, vectors)[0, :, 4:])
    if name == "items.id":
        codes = codes.flip(0)
    elif name == "items.price":
        numbers = numbers + 5
    else:
        vectors = {**vectors, name: vectors[name].flip(0) + 1}
    torch.testing.assert_close(built(codes, numbers, vectors, [name])[0, :, 4:], mixed)


def test_text_without_media_side_by_side_is_as_it_always_was() -> None:
    table = ITEMS.model_copy(update={"features": ITEMS.features[:3]})
    torch.manual_seed(0)
    built = RowEncoder(table, RowEncoder.Settings(width=3, vector_width=8))
    assert isinstance(built.vectors[":items/title"], VectorEncoder)
    assert [name for name, _ in built.vectors.named_parameters()] == [
        f":items/title.{name}" for name in ("project.weight", "project.bias", "norm.weight", "norm.bias")
    ]
    assert built.own is None
    assert built.fusion is None


def test_one_modality_alone_is_not_mixed() -> None:
    table = ITEMS.model_copy(update={"features": ITEMS.features[3:4], "codes": 0, "numbers": 0})
    built = RowEncoder(table, RowEncoder.Settings(fusion=Gated.Settings()))
    assert not built.mixes
    assert list(built.spans) == ["items.photo"]


@pytest.mark.parametrize("settings", [Gated.Settings(dropout=0.5), Attention.Settings(heads=2, dropout=0.5)])
def test_what_is_left_out_in_training_follows_the_seed(settings: Gated.Settings) -> None:
    built = row(settings).train()
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(built(*inputs()))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert torch.equal(built.eval()(*inputs()), built(*inputs()))


@pytest.mark.parametrize("settings", FUSIONS)
def test_bfloat16(settings: Gated.Settings) -> None:
    built = row(settings).eval()
    exact = built(*inputs())
    with torch.autocast("cpu", torch.bfloat16):
        rough = built(*inputs())
    torch.testing.assert_close(rough.float(), exact, atol=0.1, rtol=0.1)
