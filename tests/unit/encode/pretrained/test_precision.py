import numpy as np
import torch

from plait.encode.pretrained.precision import halves


def test_what_is_too_large_stays_finite() -> None:
    kept = halves(torch.tensor([[1e9, -1e9, 0.5]], dtype=torch.bfloat16))
    assert kept.dtype == np.float16
    assert kept.tolist() == [[65504.0, -65504.0, 0.5]]
