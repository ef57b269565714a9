"""torch-rechub from the raw Parquet file to its test AUCs: read, encode, train, as quickly as its environment allows."""

import argparse
import contextlib
import json
import os
import tempfile
import time

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from ready import Ready
from rechub import build, named
from torch_rechub.trainers import MTLTrainer
from torch_rechub.utils.data import DataGenerator


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", required=True)
    parser.add_argument("--numbers", required=True)
    parser.add_argument("--categories", required=True)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.set_num_threads(asked.threads)
    torch.manual_seed(17)
    table = pq.read_table(asked.table)
    train = int(pc.sum(pc.equal(table["part"], "train")).as_py())
    columns = [pc.dictionary_encode(table[name]).combine_chunks() for name in asked.categories.split(",")]
    codes = np.stack([column.indices.to_numpy() for column in columns], axis=1).astype(np.int64)
    numbers = np.stack([table[name].to_numpy() for name in asked.numbers.split(",")], axis=1).astype(np.float32)
    numbers = (numbers - numbers[:train].mean(0)) / numbers[:train].std(0)
    labels = np.stack(
        [pc.equal(table["income"], "50000+.").to_numpy(), pc.equal(table["marital_status"], "Never married").to_numpy()]
    )
    data = Ready(codes, numbers, labels.T.astype(np.float32), [len(c.dictionary) for c in columns], train)
    order = np.random.default_rng(17).permutation(train)
    known = Ready(codes[order], numbers[order], data.labels[order], data.sizes, train)
    cut = train - train // 10
    generator = DataGenerator(named(known, 0, cut), known.labels[:cut])
    valid = (named(known, cut, train), known.labels[cut:])
    test = (named(data, train, len(codes)), data.labels[train:])
    loaders = generator.generate_dataloader(*valid, *test, batch_size=4096)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        trainer = MTLTrainer(build(data, "mmoe"), ["classification"] * 2, n_epoch=asked.epochs, model_path=folder)
        trainer.fit(loaders[0], loaders[1])
        validated = time.time()
        scores = trainer.evaluate(trainer.model, loaders[2])
    found = {"validated_at": validated, "test": {"income": float(scores[0]), "never_married": float(scores[1])}}
    print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
