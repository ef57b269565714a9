"""A small model taught by a large one: on the training rows it learns what the large one says, of all tasks at once.

    loss_t = mean (z_t - z_t')^2

with z what a task's head says before it becomes a prediction: logits, standardised values, or how queries score the sampled
candidates; primed where the large model says it. Rows without a label teach as well.

References:
    Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, https://arxiv.org/abs/1503.02531; squares of
    logits as in Kim et al.: Comparing Kullback-Leibler Divergence and Mean Squared Error Loss in Knowledge Distillation,
    IJCAI 2021, https://arxiv.org/abs/2105.08919.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from plait.data.batches import Batch
from plait.data.columns import Prepared
from plait.data.negatives import Negatives
from plait.encode.ids import FusedEmbedding
from plait.model import MultiTaskModel
from plait.recipe import Recipe
from plait.run.build import build_balance, resampled
from plait.run.phase import goal_of
from plait.tasks.base import Head, TwoTower
from plait.train.fitted import Fitted
from plait.train.loop import Goal, fit
from plait.train.protocol import Trainable

__all__ = ["Pupil", "teach"]

_LONGER: Final = 2


@final
class Pupil(nn.Module):
    """A model whose losses are how far it is from another.

    Args:
        model: the small model.
        teacher: the large one; it is held, and no part of this one.
    """

    def __init__(self, model: MultiTaskModel, teacher: MultiTaskModel) -> None:
        super().__init__()
        self.model = model
        self.names = model.names
        self._teacher = (teacher.eval().requires_grad_(False),)

    def losses(
        self, batches: Sequence[Batch], negatives: Mapping[str, Negatives]
    ) -> tuple[Float[Tensor, "T"], Bool[Tensor, "T"]]:
        """Compute how far each task of the batches' tables is from what the teacher says."""
        teacher, found = self._teacher[0], dict[str, Tensor]()
        for batch in batches:
            with torch.no_grad():
                meant = _said(teacher, batch, negatives)
            said = _said(self.model, batch, negatives)
            found |= {name: (said[name] - meant[name]).square().mean() for name in said}
        zero = self.model.encoder.absent.new_zeros(())
        values = torch.stack([found.get(name, zero) for name in self.names])
        return values, torch.tensor([name in found for name in self.names])

    def penalty(self) -> Float[Tensor, ""] | None:
        """Return what the body adds."""
        return self.model.penalty()

    def before_step(self, done: float) -> None:
        """Hear how much is behind."""
        self.model.before_step(done)

    def rates(self) -> list[tuple[nn.Parameter, float]]:
        """Return learning rates of parameters' own."""
        return self.model.rates()

    def shared_tensors(self) -> list[nn.Parameter]:
        """Return what several tasks read."""
        return self.model.shared_tensors()

    def shared_parts(self) -> dict[str, list[nn.Parameter]]:
        """Return the same by part."""
        return self.model.shared_parts()

    def own_tensors(self) -> list[list[nn.Parameter]]:
        """Return what only one task moves."""
        return self.model.own_tensors()

    def private_tensors(self) -> list[list[nn.Parameter]]:
        """Return what no other task depends on."""
        return self.model.private_tensors()

    def embeddings(self) -> list[FusedEmbedding]:
        """Return the tables updated in place."""
        return self.model.embeddings()

    def gates(self, batch: Batch) -> dict[str, dict[str, Float[Tensor, " E"]]]:
        """Return how tasks lean on experts."""
        return self.model.gates(batch)


def teach(model: MultiTaskModel, teacher: MultiTaskModel, recipe: Recipe, prepared: Prepared) -> Fitted:
    """Train a small model on what a large one says of the training rows; early stopping looks at the true labels.

    Args:
        model: the small model.
        teacher: the large one.
        recipe: the small one's, with how it is trained.
        prepared: the tables.
    """
    goal = goal_of(recipe, prepared)

    def evaluate(pupil: Trainable) -> Mapping[str, float]:
        assert isinstance(pupil, Pupil)
        return goal.evaluate(pupil.model)

    # A small model takes longer to say what a large one says than that one took to learn it, and its epochs are cheap.
    changes = {"probes": 0, "device": "cpu", "epochs": _LONGER * recipe.train.epochs}
    settings = recipe.train.model_copy(update=changes)
    return fit(
        Pupil(model, teacher),
        resampled(recipe, prepared),
        build_balance(recipe, prepared.layout),
        settings,
        seed=recipe.seed,
        goal=replace(goal, evaluate=evaluate) if isinstance(goal, Goal) else goal,
    )


def _said(model: MultiTaskModel, batch: Batch, negatives: Mapping[str, Negatives]) -> dict[str, Tensor]:
    """Return what each task of a batch says before it becomes a prediction."""
    read = model.encoder.read([batch], {})[0][0]
    vectors = model.hidden(read)
    linked = model.linked(vectors)
    found: dict[str, Tensor] = {}
    for name, hidden in vectors.items():
        head = model.head(name)
        if isinstance(head, Head):
            found[name] = linked[name].output if name in linked else head(hidden).float()
        elif isinstance(head, TwoTower) and name in negatives:
            found[name] = head.scores(head.query(hidden).float(), model.candidates(name, negatives[name].block))
    return found
