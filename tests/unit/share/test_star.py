import numpy as np
import pytest
import torch

from plait.errors import RecipeError
from plait.share import STAR, Inputs
from support.forms import linear, network, numpy, relu


def body(domains: int = 4, **settings) -> STAR:
    torch.manual_seed(0)
    chosen = STAR.Settings(domain="visits.shop", layers=[6, 3], **settings)
    made = STAR(Inputs(5, sizes={"visits.shop": domains}), 2, chosen)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
        for embedding in (m for m in made.modules() if isinstance(m, torch.nn.Embedding)):
            embedding.weight[0] = 0
        made.norm.mean.normal_()
        made.norm.variance.uniform_(0.5, 2)
    return made


def by_hand(sharing: STAR, x: np.ndarray, domain: int) -> np.ndarray:
    norm = sharing.norm
    scale = numpy(norm.scale) * (1 + numpy(norm.domain_scale.weight)[domain])
    shift = numpy(norm.shift) + numpy(norm.domain_shift.weight)[domain]
    h = scale * (x - numpy(norm.mean)[domain]) / np.sqrt(numpy(norm.variance)[domain] + 1e-5) + shift
    for layer in sharing.layers:
        weight, bias = numpy(layer.centre.weight), numpy(layer.centre.bias)
        if domain:
            weight, bias = weight * (1 + numpy(layer.factor)[domain - 1]), bias + numpy(layer.domain_bias)[domain - 1]
        h = relu(h @ weight.T + bias)
    side = sharing.auxiliary
    if side is not None:
        joined = np.concatenate([x, np.repeat(numpy(side.vectors.weight)[domain][None], len(x), 0)], 1)
        h = h + linear(side.last, network(side.inner, joined))
    return h


@pytest.mark.parametrize("auxiliary", [0, 2])
def test_it_is_the_formula(auxiliary: int) -> None:
    sharing = body(auxiliary=auxiliary).eval()
    x, domains = torch.randn(1, 9, 5), torch.tensor([3, 0, 1, 1, 3, 2, 0, 1, 3])
    found = numpy(sharing(x, [1, 0], domains))
    assert np.array_equal(found[0], found[1])
    for row, domain in enumerate(domains.tolist()):
        assert np.allclose(found[0][row], by_hand(sharing, numpy(x[0, row : row + 1]), domain)[0], atol=1e-5)


def test_an_unknown_domain_is_served_by_the_centre() -> None:
    sharing = body().eval()
    x = torch.randn(1, 4, 5)
    assert torch.allclose(sharing(x, [0]), sharing(x, [0], torch.zeros(4, dtype=torch.int64)))
    sharing(x, [0], torch.zeros(4, dtype=torch.int64)).sum().backward()
    assert all(not layer.factor.grad.any() for layer in sharing.layers if layer.factor.grad is not None)


def test_a_domain_moves_the_centre_and_its_own_part_only() -> None:
    sharing = body()
    sharing(torch.randn(1, 4, 5), [0], torch.full((4,), 2)).sum().backward()
    for layer in sharing.layers:
        assert layer.centre.weight.grad.any()
        assert [bool(part.any()) for part in layer.factor.grad] == [False, True, False]


def test_it_starts_as_the_centre() -> None:
    torch.manual_seed(0)
    fresh = STAR(Inputs(5, sizes={"visits.shop": 4}), 2, STAR.Settings(domain="visits.shop", layers=[3], auxiliary=0)).eval()
    x = torch.randn(1, 6, 5)
    assert torch.allclose(fresh(x, [0], torch.tensor([1, 2, 3, 1, 2, 3])), fresh(x, [0]))


def test_many_domains_and_one_row_of_each() -> None:
    sharing = STAR(Inputs(5, sizes={"visits.shop": 301}), 1, STAR.Settings(domain="visits.shop", layers=[3]))
    domains = torch.randperm(301)
    out = sharing(torch.randn(1, 301, 5), [0], domains)
    out.sum().backward()
    assert out.isfinite().all()
    assert out.shape == (1, 301, 3)


def test_a_domain_that_is_no_single_category_is_named() -> None:
    with pytest.raises(
        RecipeError, match=r"`model.sharing.domain` should be an id or a category.*Did you mean `visits.shop`"
    ):
        STAR(Inputs(5, sizes={"visits.shop": 4}), 2, STAR.Settings(domain="visits.shops"))
