import pytest
import torch

from plait.encode.row import RowEncoder
from plait.layout import FeatureLayout, TableLayout

FILMS = TableLayout(
    name="films",
    rows=4,
    codes=5,
    numbers=3,
    vocabulary=20,
    features=[
        FeatureLayout(name="films.id", kind="id", slots=[0], first=1, size=5),
        FeatureLayout(name="films.genres", kind="category", slots=[1, 2, 3], first=6, size=5),
        FeatureLayout(name="films.country", kind="category", slots=[4], first=11, size=9),
        FeatureLayout(name="films.year", kind="number", numbers=[0, 1], edges=[-1.0, 0.0, 1.0]),
        FeatureLayout(name="films.when", kind="time", numbers=[2]),
        FeatureLayout(name="films.title", kind="text", dim=8),
    ],
)
CODES = torch.tensor([[1, 6, 0, 0, 11], [2, 0, 0, 0, 0], [2, 7, 8, 9, 12]], dtype=torch.int32)


def encoder(numbers: str = "plain", views: int = 1) -> RowEncoder:
    torch.manual_seed(0)
    settings = RowEncoder.Settings.model_validate({"width": 4, "numbers": numbers, "number_width": 3, "vector_width": 5})
    return RowEncoder(FILMS, settings, views)


def run(built: RowEncoder, rows: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    numbers, title = torch.randn(3, 3, generator=generator), torch.randn(3, 8, generator=generator)
    return built(CODES[:rows], numbers[:rows], {"films.title": title[:rows].half()})


@pytest.mark.parametrize("numbers", ["plain", "piecewise"])
@pytest.mark.parametrize("views", [1, 3])
def test_any_number_of_rows_and_views(numbers: str, views: int) -> None:
    for rows in (0, 1, 3):
        built = encoder(numbers, views)
        assert run(built, rows).shape == (views, rows, built.width)


def test_spans_cut_the_row_into_its_features() -> None:
    built = encoder()
    out = run(built)[0]
    weight = built.embedding.weight
    spans = {name: out[:, start:stop] for name, (start, stop) in built.spans.items()}
    assert sum(part.shape[1] for part in spans.values()) == built.width == out.shape[1]
    assert torch.equal(spans["films.id"], weight[[1, 2, 2]])
    assert torch.equal(spans["films.country"], weight[[11, 0, 12]])


def test_many_values_are_averaged_over_those_that_are_there() -> None:
    built = encoder()
    start, stop = built.spans["films.genres"]
    genres = run(built)[0, :, start:stop]
    weight = built.embedding.weight
    assert torch.allclose(genres[0], weight[6])
    assert not genres[1].any()
    assert torch.allclose(genres[2], weight[[7, 8, 9]].mean(0))


def test_gradients_reach_every_value() -> None:
    built = encoder()
    run(built).square().sum().backward()
    seen = sorted({int(code) for codes, rows in built.embedding.take() for code in codes[rows.grad.any(1)]})
    assert seen == [1, 2, 6, 7, 8, 9, 11, 12]
    assert all(p.grad is not None for name, p in built.named_parameters() if name != "embedding.weight")


def test_training_and_evaluation_agree() -> None:
    built = encoder("piecewise", 2)
    assert torch.equal(run(built), run(built.eval()))


def test_a_table_without_features() -> None:
    empty = RowEncoder(TableLayout(name="t", rows=2, codes=0), RowEncoder.Settings())
    assert empty(torch.zeros(3, 0, dtype=torch.int32), torch.zeros(3, 0), {}).shape == (1, 3, 0)
    assert empty.width == 0
