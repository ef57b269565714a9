"""What the Trainer of transformers runs: shuffled batches padded to the longest, low-rank adapters, a linear head."""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from bench.contestants.turns import take_turns


class Classifier(nn.Module):
    """Mean of the token states, and one logit."""

    def __init__(self, folder: Path, rank: int) -> None:
        super().__init__()
        body = AutoModel.from_pretrained(folder)
        config = LoraConfig(
            r=rank, lora_alpha=2 * rank, lora_dropout=0.05, target_modules=r".*layer\.\d+\..*(query|key|value|dense)"
        )
        self.body = get_peft_model(body, config)
        self.head = nn.Linear(body.config.hidden_size, 1)

    def forward(self, ids: Tensor, seen: Tensor) -> Tensor:
        states = self.body(input_ids=ids, attention_mask=seen).last_hidden_state
        weights = seen[:, :, None].to(states.dtype)
        return self.head((states * weights).sum(1) / weights.sum(1))[:, 0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(17)
    table = pq.read_table(asked.table, columns=["text", "label"])
    tokenizer = AutoTokenizer.from_pretrained(asked.model)
    read = tokenizer(table["text"].to_pylist(), truncation=True, max_length=asked.tokens)["input_ids"]
    labels = torch.tensor(table["label"].to_pylist(), dtype=torch.float32)
    model = Classifier(asked.model, 8).train()
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-4)

    def batches() -> Iterator[Tensor]:
        while True:
            yield from torch.randperm(len(read)).split(asked.batch)

    drawn = batches()

    def train(rows: int) -> float:
        start, seen = time.perf_counter(), 0
        while seen < rows:
            some = next(drawn)
            padded = tokenizer.pad({"input_ids": [read[i] for i in some.tolist()]}, return_tensors="pt")
            with torch.autocast("cpu", torch.bfloat16, enabled=asked.bf16):
                logits = model(padded["input_ids"], padded["attention_mask"])
            nn.functional.binary_cross_entropy_with_logits(logits.float(), labels[some]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            seen += len(some)
        return (time.perf_counter() - start) * rows / seen

    take_turns(train)


if __name__ == "__main__":
    main()
