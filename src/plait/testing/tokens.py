"""What every head of tokens must do."""

# ruff: noqa: D102  # The names of the tests are sentences.

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from plait.layout import Alphabet
from plait.tasks.tokens import Script, TokenHead

__all__ = ["TokenHeadContract"]


class TokenHeadContract(ABC):
    """What every head that says something at tokens must do.

    Attributes:
        width: H of the vectors it is tried on.
        alone: whether an example's loss is its own; false where it is scaled by what else is in the batch.
    """

    width: int = 8
    alone: bool = True

    @abstractmethod
    def build(self, alphabet: Alphabet, width: int) -> TokenHead:
        """Build the head under test."""

    @abstractmethod
    def labels(self, lengths: Sequence[int]) -> Float[Tensor, "B L"]:
        """Make labels as prepared tables hold them, for examples whose texts have so many tokens, separators included."""

    def alphabet(self) -> Alphabet:
        """Describe an encoder of 20 tokens, of which 0 to 3 are special, 3 hides others and 10 to 14 go on with a word."""
        return Alphabet(size=20, special=[0, 1, 2, 3], inner=[*range(10, 15)], mask=3, states=6, embedding=6)

    def made(self) -> TokenHead:
        """Build it from a fixed seed."""
        torch.manual_seed(5)
        return self.build(self.alphabet(), self.width)

    def script(self, lengths: Sequence[int], of: Sequence[int], turn: int = 0) -> Script:
        """Make texts of so many tokens, the first and last a separator, and examples that have them."""
        generator = torch.Generator().manual_seed(3)
        texts = [torch.randint(4, 20, (length,), generator=generator) for length in lengths]
        for text in texts:
            text[:1], text[-1:] = 1, 2
        weights = torch.randn(20, 6, generator=generator)
        keys = torch.randint(1, 1 << 62, (len(lengths),), generator=generator)
        ids = torch.cat([torch.empty(0, dtype=torch.int64), *texts])
        sizes = torch.tensor(lengths, dtype=torch.int64)
        return Script(ids, sizes, keys, torch.tensor(of, dtype=torch.int64), turn, weights)

    def states(self, script: Script) -> Float[Tensor, "tokens D"]:
        """Draw a state for each token."""
        return torch.randn(script.ids.shape[0], 6, generator=torch.Generator().manual_seed(script.ids.shape[0]))

    def hidden(self, rows: int) -> Float[Tensor, "B H"]:
        """Draw task vectors."""
        return torch.randn(rows, self.width, generator=torch.Generator().manual_seed(rows))

    def cost(self, head: TokenHead, script: Script) -> Float[Tensor, " B"]:
        """Compute the losses of a script."""
        output = head(self.states(script), self.hidden(script.of.shape[0]), script).float()
        return head.losses(output, self.labels(script.lengths.index_select(0, script.of).tolist()), script)

    def test_one_loss_and_one_row_per_example(self) -> None:
        head = self.made()
        for lengths, of in (([], []), ([0], [0]), ([40], [0]), ([30, 0, 2, 25], [3, 0, 0, 1, 2])):
            script = self.script(lengths, of)
            losses = self.cost(head, script)
            assert losses.shape == (len(of),)
            assert losses.isfinite().all()
            assert (losses >= 0).all()
            output = head(self.states(script), self.hidden(len(of)), script).float()
            predicted = head.predict(output, script)
            assert predicted.shape[0] == len(of)
            assert predicted.isfinite().all()

    def test_shown_tokens_are_tokens_and_separators_stay(self) -> None:
        script = self.script([30, 2, 9], [0, 1, 2], turn=4)
        shown = self.made().shown(script)
        assert shown.shape == script.ids.shape
        assert ((shown >= 0) & (shown < 20)).all()
        assert torch.equal(shown[script.ids < 4], script.ids[script.ids < 4])

    def test_every_parameter_learns(self) -> None:
        head = self.made()
        self.cost(head, self.script([60] * 8, list(range(8)))).mean().backward()  # type: ignore[no-untyped-call]
        still = [name for name, p in head.named_parameters() if p.grad is None or not p.grad.any()]
        assert still == []

    def test_the_loss_falls(self) -> None:
        head = self.made()
        script = self.script([20] * 8, list(range(8)))
        optimiser = torch.optim.Adam(head.parameters(), lr=0.02)
        seen: list[float] = []
        for _ in range(60):
            optimiser.zero_grad()
            loss = self.cost(head, script).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            seen.append(float(loss.detach()))
        assert sum(seen[-5:]) < 0.9 * sum(seen[:5])

    def test_an_example_does_not_depend_on_the_others(self) -> None:
        head = self.made()
        lengths, of = [30, 12, 25], [2, 0, 1, 0]
        script = self.script(lengths, of)
        states, hidden = self.states(script), self.hidden(4)
        together = head.predict(head(states, hidden, script).float(), script)
        start = int(script.starts[2])
        alone = Script(
            script.ids[start:], script.lengths[2:], script.keys[2:], torch.zeros(1, dtype=torch.int64), 0, script.embeddings
        )
        output = head(states[start:], hidden[:1], alone).float()
        single = head.predict(output, alone)
        assert torch.allclose(single, together[:1, : single.shape[1]], atol=1e-5)
        assert (together[0, single.shape[1] :] == -1).all()
        if self.alone:
            label = self.labels([lengths[text] for text in of])
            each = head.losses(head(states, hidden, script).float(), label, script)
            assert torch.allclose(head.losses(output, label[:1], alone), each[:1], atol=1e-5)

    def test_finite_far_out_and_in_bfloat16(self) -> None:
        for size, autocast in ((1e3, False), (1.0, True)):
            head = self.made()
            script = self.script([30, 12], [0, 1])
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                output = head(self.states(script) * size, self.hidden(2) * size, script)
            losses = head.losses(output.float(), self.labels([30, 12]), script)
            losses.sum().backward()  # type: ignore[no-untyped-call]
            assert losses.isfinite().all()
            assert head.predict(output.detach().float(), script).isfinite().all()
            assert all(p.grad is None or p.grad.isfinite().all() for p in head.parameters())
