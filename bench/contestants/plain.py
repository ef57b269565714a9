"""A plain PyTorch loop over ready tensors, as one would write it in an afternoon."""

import time
from itertools import pairwise

import torch
from ready import load, options
from torch import Tensor, nn
from turns import take_turns


class Plain(nn.Module):
    """MMoE or shared-bottom with one embedding per column."""

    def __init__(self, sizes: list[int], numbers: int, experts: int, width: int = 16) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(size, width) for size in sizes])
        joint = len(sizes) * width + numbers
        self.experts = nn.ModuleList([layers(joint, 256, 128) for _ in range(experts)])
        self.gates = nn.ModuleList([nn.Linear(joint, experts) for _ in range(2 if experts > 1 else 0)])
        self.towers = nn.ModuleList([nn.Sequential(layers(128, 64), nn.Linear(64, 1)) for _ in range(2)])

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        x = torch.cat([table(codes[:, i]) for i, table in enumerate(self.embeddings)] + [numbers], dim=1)
        found = torch.stack([expert(x) for expert in self.experts], dim=1)
        if self.gates:
            mixed = [(gate(x).softmax(1).unsqueeze(2) * found).sum(1) for gate in self.gates]
        else:
            mixed = [found[:, 0]] * 2
        return torch.cat([tower(h) for tower, h in zip(self.towers, mixed, strict=True)], dim=1)


def layers(*widths: int) -> nn.Sequential:
    found: list[nn.Module] = []
    for i, o in pairwise(widths):
        found += [nn.Linear(i, o), nn.ReLU()]
    return nn.Sequential(*found)


def main() -> None:
    asked = options()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(17)
    data = load(asked.data)
    codes, numbers, labels = (torch.from_numpy(a[: data.train]) for a in (data.codes, data.numbers, data.labels))
    model = Plain(data.sizes, numbers.shape[1], 8 if asked.model == "mmoe" else 1)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_of = nn.BCEWithLogitsLoss()

    def train(rows: int) -> float:
        start = time.perf_counter()
        order = torch.randperm(len(codes))[:rows]
        for at in range(0, len(order), asked.batch):
            picked = order[at : at + asked.batch]
            loss = loss_of(model(codes[picked], numbers[picked]), labels[picked])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return time.perf_counter() - start

    take_turns(train)


if __name__ == "__main__":
    main()
