"""Which numbers a device computes in, and that a choice does not outlive its scope."""

from __future__ import annotations

import pytest
import torch

from plait.errors import RecipeError
from plait.train.precision import autocast, choose_device, choose_precision, fast_products

CPU = torch.device("cpu")


def test_bf16_is_chosen_where_the_processor_has_it() -> None:
    capable = any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    assert choose_precision("auto", CPU) == ("bf16" if capable else "fp32")
    assert choose_precision("fp32", CPU) == "fp32" and choose_precision("bf16", CPU) == "bf16"


def test_autocast_multiplies_in_bf16() -> None:
    x = torch.ones(2, 2)
    with autocast("bf16", CPU):
        assert (x @ x).dtype == torch.bfloat16
    with autocast("fp32", CPU):
        assert (x @ x).dtype == torch.float32


def test_fast_products_stay_exact_and_are_undone() -> None:
    products = torch.backends.mkldnn.matmul
    before = products.fp32_precision
    x = torch.randn(200, 300, generator=torch.Generator().manual_seed(1))
    with fast_products(CPU):
        found = x @ x.T
    truth = x.double() @ x.T.double()
    assert float((found - truth).abs().max() / truth.abs().max()) < 2e-6
    assert products.fp32_precision == before
    with pytest.raises(KeyError), fast_products(CPU):
        raise KeyError
    assert products.fp32_precision == before


@pytest.mark.parametrize("has", [[], ["avx512_bf16", "amx_tile"], ["avx512_bf16", "amx_bf16"], ["amx_bf16"]])
def test_products_keep_their_way_where_it_would_round(monkeypatch: pytest.MonkeyPatch, has: list[str]) -> None:
    from plait.train import precision

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(has, True))
    precision._exact_through_onednn.cache_clear()
    try:
        with fast_products(CPU):
            assert torch.backends.mkldnn.matmul.fp32_precision != "bf16"
    finally:
        precision._exact_through_onednn.cache_clear()


def test_devices() -> None:
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type in ("cpu", "cuda")
    for wrong in ("gpu", "cuda:99"):
        words = rf"`train.device` should be `auto`, `cpu` or a device .* Found `{wrong}`: "
        with pytest.raises(RecipeError, match=words) as raised:
            choose_device(wrong)
        assert "\n" not in str(raised.value)
