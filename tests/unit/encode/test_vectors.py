import torch

from plait.encode.vectors import VectorEncoder


def test_the_scale_of_the_given_vector_does_not_matter() -> None:
    encoder = VectorEncoder(6, 4)
    vector = torch.randn(3, 6)
    assert torch.allclose(encoder(vector), encoder(vector * 50), atol=1e-3)


def test_half_precision_storage_and_rows_without_a_vector() -> None:
    encoder = VectorEncoder(6, 4)
    out = encoder(torch.zeros(2, 6, dtype=torch.float16))
    assert out.dtype == torch.float32
    assert torch.equal(out[0], out[1])
    assert out.isfinite().all()
    assert encoder(torch.zeros(0, 6, dtype=torch.float16)).shape == (0, 4)
