import torch

from plait.share import SharedBottom


def test_all_tasks_get_one_vector() -> None:
    sharing = SharedBottom(4, 3, SharedBottom.Settings(layers=[5, 2]))
    out = sharing(torch.randn(1, 6, 4), [0, 2])
    assert out.shape == (2, 6, 2)
    assert torch.equal(out[0], out[1])
    assert out.stride(0) == 0, "the tasks should read one result, not copies"


def test_by_hand() -> None:
    sharing = SharedBottom(2, 1, SharedBottom.Settings(layers=[2]))
    linear = sharing.network[0]
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0, 2.0], [-1.0, 0.5]]))
        linear.bias.copy_(torch.tensor([0.5, 0.0]))
    assert torch.equal(sharing(torch.tensor([[[1.0, 1.0]]]), [0]), torch.tensor([[[3.5, 0.0]]]))
