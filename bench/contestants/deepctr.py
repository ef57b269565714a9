"""deepctr-torch, as its own examples train it."""

import time

import numpy as np
import torch
from deepctr_torch.callbacks import Callback
from deepctr_torch.inputs import DenseFeat, SparseFeat
from deepctr_torch.models import MMOE, SharedBottom
from ready import load, options
from turns import take_turns


class Clock(Callback):
    """Times an epoch, so that what `fit` does before it is left out."""

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.seconds = time.perf_counter() - self.start


def main() -> None:
    asked = options()
    torch.set_num_threads(asked.threads)
    data = load(asked.data)
    columns = [SparseFeat(f"c{i}", size, embedding_dim=16) for i, size in enumerate(data.sizes)]
    columns += [DenseFeat(f"n{i}", 1) for i in range(data.numbers.shape[1])]
    common = {"tower_dnn_hidden_units": (64,), "task_types": ("binary", "binary"), "task_names": ("a", "b")}
    if asked.model == "mmoe":
        model = MMOE(columns, num_experts=8, expert_dnn_hidden_units=(256, 128), gate_dnn_hidden_units=(), **common)
    else:
        model = SharedBottom(columns, bottom_dnn_hidden_units=(256, 128), **common)
    model.compile("adam", ["binary_crossentropy", "binary_crossentropy"], metrics=[])
    rng = np.random.default_rng(17)

    def train(rows: int) -> float:
        picked = rng.permutation(data.train)[:rows]
        named = {f"c{i}": data.codes[picked, i] for i in range(len(data.sizes))}
        named |= {f"n{i}": data.numbers[picked, i] for i in range(data.numbers.shape[1])}
        clock = Clock()
        model.fit(named, data.labels[picked], batch_size=asked.batch, epochs=1, verbose=0, callbacks=[clock])
        return clock.seconds

    take_turns(train)


if __name__ == "__main__":
    main()
