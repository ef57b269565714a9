"""torch-rechub, as its own examples train it."""

import contextlib
import io
import time
from collections.abc import Iterator

import torch
from ready import Ready, load, options
from torch.utils.data import DataLoader
from torch_rechub.basic.features import DenseFeature, SparseFeature
from torch_rechub.models.multi_task import MMOE, SharedBottom
from torch_rechub.trainers import MTLTrainer
from torch_rechub.utils.data import DataGenerator
from turns import take_turns


class Cut:
    """The first batches of a loader."""

    def __init__(self, loader: DataLoader, steps: int) -> None:
        self.loader, self.steps = loader, steps

    def __iter__(self) -> Iterator[object]:
        for _, batch in zip(range(self.steps), self.loader, strict=False):
            yield batch


def build(data: Ready, kind: str) -> torch.nn.Module:
    """Build the model of the comparison."""
    features = [SparseFeature(f"c{i}", vocab_size=size, embed_dim=16) for i, size in enumerate(data.sizes)]
    features += [DenseFeature(f"n{i}") for i in range(data.numbers.shape[1])]
    tasks = ["classification", "classification"]
    towers = [{"dims": [64]}, {"dims": [64]}]
    if kind == "mmoe":
        return MMOE(features, tasks, 8, expert_params={"dims": [256, 128]}, tower_params_list=towers)
    return SharedBottom(features, tasks, bottom_params={"dims": [256, 128]}, tower_params_list=towers)


def named(data: Ready, start: int, stop: int) -> dict[str, object]:
    """Name the columns as the library wants them."""
    found: dict[str, object] = {f"c{i}": data.codes[start:stop, i] for i in range(len(data.sizes))}
    return found | {f"n{i}": data.numbers[start:stop, i] for i in range(data.numbers.shape[1])}


def main() -> None:
    asked = options()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(17)
    data = load(asked.data)
    trainer = MTLTrainer(build(data, asked.model), ["classification"] * 2, n_epoch=1)
    generator = DataGenerator(named(data, 0, data.train), data.labels[: data.train])
    small = (named(data, 0, 8), data.labels[:8])
    loader, _, _ = generator.generate_dataloader(*small, *small, batch_size=asked.batch)

    def train(rows: int) -> float:
        start = time.perf_counter()
        with contextlib.redirect_stderr(io.StringIO()):
            trainer.train_one_epoch(Cut(loader, -(-rows // asked.batch)))
        return time.perf_counter() - start

    take_turns(train)


if __name__ == "__main__":
    main()
