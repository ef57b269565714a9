"""The pretrained text encoder as a part of the model, trained with its tasks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from plait.encode.pretrained.find import find_model
from plait.encode.text.alphabet import alphabet_of, embeddings_of
from plait.encode.text.chunks import cut, pad
from plait.encode.text.layers import Layers, fix_linears, held
from plait.encode.text.load import Pretrained, load_pretrained
from plait.encode.text.lora import add_adapters, merge_adapters, targets
from plait.encode.text.memory import Memory
from plait.encode.text.per_task import TaskAdapters, add_task_adapters, without_adapters
from plait.encode.text.pool import pool
from plait.encode.text.save import save_pretrained
from plait.encode.text.settings import Text
from plait.encode.text.token_rows import TokenRows
from plait.errors import RecipeError
from plait.layout import Alphabet

__all__ = ["LiveText"]

_TOKENS: Final = {"cpu": 4096}
_MANY_TOKENS: Final = 32_768
"""Tokens of one pass on other devices."""


@final
class LiveText(nn.Module):
    """Encode texts with a pretrained encoder that is tuned, or whose token states are read.

    One module reads all text features of a recipe. The distinct texts of a pass are sorted by length and cut into passes of
    the encoder with little padding. In evaluation mode each text is encoded once and remembered until training goes on.

    What is frozen is read from the encoder's own files whenever the model is built, and is in no checkpoint; with a run it
    is written once, what was learned merged into it, as a folder that `model.text.model` can name.

    Args:
        settings: which encoder, and how it is tuned.
        folder: where an encoder lies that a run tuned before; it is taken as it is.
        tasks: how many tasks have adapters of their own, where the settings say that they have.

    Attributes:
        width: length of a text's vector, and of a token's state.
        body: token numbers and which are there → states of the last layer.

    Shape:
        tokens of U texts -> `[U, width]`; a text of no tokens is zeros.

    Raises:
        RecipeError: the encoder is nowhere to be found, its files cannot be read, or it has fewer layers than are tuned.
    """

    def __init__(self, settings: Text.Settings, folder: Path | None = None, tasks: int = 0) -> None:
        super().__init__()
        self.settings = settings
        self._loaded: Pretrained = load_pretrained(folder or find_model(settings.model), settings.pooling)
        self.width = self._loaded.width
        self.body: nn.Module = self._loaded.model
        self._loaded.model.config.use_cache = False
        self._window = min(settings.max_tokens, self._loaded.max_tokens)
        self._frozen = settings.tune == "frozen" or settings.adapters == "per_task" or folder is not None
        self._adapters: list[TaskAdapters] = []
        self._tune(tasks)
        self.layers = Layers(self.body)
        self._held: list[nn.Parameter] = self.layers.still(0.0) if settings.unfreeze == "gradual" else []
        self._given = {*self.state_dict()} - {name for name, p in self.named_parameters() if p.requires_grad}
        self._memory = Memory(self.width)
        self._remembered: object = None
        self.register_state_dict_post_hook(_leave_given_out)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_put_given_in)  # type: ignore[no-untyped-call]

    def forward(
        self, ids: Int[Tensor, " tokens"], lengths: Int[Tensor, " U"], keys: Int[Tensor, " U"]
    ) -> Float[Tensor, "U width"]:
        """Encode distinct texts.

        Args:
            ids: their tokens one behind another, on the host as all arguments.
            lengths: how many tokens each has.
            keys: a number for each that depends on its tokens alone.
        """
        if keys.shape[0] == 0 or not self._remembers():
            return self._encode(ids, lengths, False)[0]
        self._check_memory()
        new = (~self._memory.known(keys)).nonzero().flatten()
        if new.numel():
            starts = lengths.cumsum(0) - lengths
            found = self._encode(ids, lengths.index_select(0, new), False, starts.index_select(0, new))[0]
            if new.numel() == keys.shape[0]:
                self._memory.add(keys, found)
                return found
            fresh = keys.index_select(0, new)
            self._memory.add(fresh, found)
            if not bool(self._memory.known(fresh).all()):
                return self._encode(ids, lengths, False)[0]
        return self._memory.recall(keys)

    def tokens(
        self, ids: Int[Tensor, " tokens"], lengths: Int[Tensor, " U"]
    ) -> tuple[Float[Tensor, "U width"], Float[Tensor, "tokens width"]]:
        """Encode texts, and return the state of every token as well, in the order of `ids`; nothing is remembered."""
        vectors, states = self._encode(ids, lengths, True)
        assert states is not None
        return vectors, states

    @property
    def alphabet(self) -> Alphabet:
        """What the tokens are."""
        return alphabet_of(self._loaded)

    @property
    def embeddings(self) -> Float[Tensor, "V E"]:
        """The vectors of the tokens themselves."""
        return embeddings_of(self._loaded)

    def of_tasks(
        self, ids: Int[Tensor, " tokens"], lengths: Int[Tensor, " U"], tasks: Sequence[int]
    ) -> Float[Tensor, "t U width"]:
        """Encode texts for some tasks, each with its own adapters; nothing is remembered."""
        for adapters in self._adapters:
            adapters.on = list(tasks)
        try:
            return self._encode(ids, lengths, False, tasks=len(tasks))[0].view(len(tasks), lengths.shape[0], self.width)
        finally:
            for adapters in self._adapters:
                adapters.on = []

    def own(self, task: int) -> list[nn.Parameter]:
        """Return the parameters of a task's own adapters."""
        return [matrix for adapters in self._adapters for matrix in (adapters.down[task], adapters.up[task])]

    def look_up(self) -> None:
        """Change of the tokens' vectors in each step only those of tokens that were read: nothing else may read them."""
        own = self._loaded.model.get_input_embeddings()
        # A subclass computes something more.
        if type(own) is nn.Embedding and own.weight.requires_grad and own.max_norm is None:
            self._loaded.model.set_input_embeddings(TokenRows(own))
            self.layers = Layers(self.body)

    def before_step(self, done: float) -> None:
        """Hear how much of the training is behind, from 0 to 1: with gradual unfreezing further layers may join."""
        if self.settings.unfreeze == "gradual" and (self._adapters or not self._frozen):
            self._held = self.layers.still(done)

    def rates(self) -> list[tuple[nn.Parameter, float]]:
        """Return the learning rate of each parameter that is trained."""
        return self.layers.rates(self.settings.rate, self.settings.layer_decay)

    def settle(self) -> None:
        """End tuning: what the adapters learned is merged into the encoder, and all of it is kept from now on."""
        if self._frozen:
            return
        merge_adapters(self.body)
        rows = self._loaded.model.get_input_embeddings()
        if isinstance(rows, TokenRows):
            self._loaded.model.set_input_embeddings(rows.own)
        self.body.requires_grad_(False)
        self._frozen, self._held, self._given = True, [], set()
        self._memory.forget()
        fix_linears(self.body)
        self.layers = Layers(self.body)
        self.train(self.training)

    def export(self, folder: Path) -> None:
        """Write the encoder as a folder that can be named as `model.text.model`; it is in no other file from now on."""
        self.settle()
        save_pretrained(self._loaded, folder, without_adapters(self.body))
        own = {id(matrix) for adapters in self._adapters for matrix in (*adapters.down, *adapters.up)}
        self._given |= {*self.state_dict()} - {name for name, p in self.named_parameters() if id(p) in own}

    def train(self, mode: bool = True) -> "LiveText":
        """As of `nn.Module`; an encoder that is not tuned stays as in evaluation. Training forgets what was remembered."""
        super().train(mode and not self._frozen)
        if self.settings.layers is not None and not self._frozen:
            self.body.eval()
            for block in self.layers.blocks[-self.settings.layers :]:
                block.train(mode)
        if mode and not self._frozen:
            self._memory.forget()
        for adapters in self._adapters:
            adapters.drop.train(mode)
        return self

    def _tune(self, tasks: int) -> None:
        below = self._below()
        if self.settings.adapters == "per_task":
            self._adapters = add_task_adapters(self.body, targets(self.body, self.settings), tasks, self.settings)
            fix_linears(self.body)
            return
        match "frozen" if self._frozen else self.settings.tune:
            case "frozen":
                self.body.requires_grad_(False)
            case "lora":
                add_adapters(self.body, self.settings)
            case "full":
                self.body.requires_grad_(True)
                for parameter in below:
                    parameter.requires_grad_(False)
        for name, module in self.body.named_modules():
            if name.endswith("pooler"):
                module.requires_grad_(False)  # BERT's, which reads no state of ours
        fix_linears(self.body)
        if self.settings.checkpoint and not self._frozen:
            self._loaded.model.activation_checkpointing_enable({"use_reentrant": False})

    def _below(self) -> list[nn.Parameter]:
        """Return what is below the layers that are tuned."""
        layers, most = Layers(self.body), self.settings.layers
        if most is None:
            return []
        if most > len(layers.blocks):
            raise RecipeError(
                f"`model.text.layers` should be how many of the encoder's {len(layers.blocks)} layers are tuned, from the "
                f"top. Found {most}. Leave it out to tune all, and the tokens' vectors too."
            )
        return layers.below(most)

    def _encode(
        self, ids: Tensor, lengths: Tensor, states: bool, starts: Tensor | None = None, tasks: int = 1
    ) -> tuple[Tensor, Tensor | None]:
        """Run the encoder over texts; long ones in windows, whose vectors are averaged by their lengths.

        With several tasks the result has the texts of one task behind those of another.
        """
        starts = lengths.cumsum(0) - lengths if starts is None else starts
        device = next(self.body.parameters()).device
        owners, starts, sizes = _windows(starts, lengths, self._window)
        vectors = [torch.zeros(tasks, 1, self.width, device=device)]
        tokens = [torch.zeros(0, self.width, device=device)]
        places, spans = torch.zeros_like(sizes), [torch.zeros(0, dtype=torch.int64)]
        count = 1
        most = _TOKENS.get(device.type, _MANY_TOKENS) // tasks
        with held(self._held if torch.is_grad_enabled() else []):
            for some in cut(sizes, most):
                first = starts.index_select(0, some)
                numbers, seen = pad(ids, first, sizes.index_select(0, some), self._loaded.pad)
                there = seen.to(device).repeat(tasks, 1)
                found = self._pass(numbers.to(device).repeat(tasks, 1), there)
                vectors.append(pool(found, there.long(), self._loaded.pooling).view(tasks, some.shape[0], -1))
                places[some] = torch.arange(count, count + some.shape[0])
                count += some.shape[0]
                if states:
                    tokens.append(found[there])
                    spans.append((first[:, None] + torch.arange(seen.shape[1]))[seen])
        pooled = torch.cat(vectors, dim=1).index_select(1, places.to(device))
        if owners is not None:
            weights = (sizes / lengths.index_select(0, owners)).to(device)[:, None]
            sums = pooled.new_zeros(tasks, lengths.shape[0], self.width)
            pooled = sums.index_add(1, owners.to(device), pooled * weights)
        pooled = pooled.flatten(0, 1)
        if not states:
            return pooled, None
        order = torch.empty_like(where := torch.cat(spans))
        order[where] = torch.arange(where.shape[0])
        return pooled, torch.cat(tokens).index_select(0, order.to(device))

    def _pass(self, ids: Int[Tensor, "b L"], seen: Tensor) -> Float[Tensor, "b L width"]:
        if not self._frozen or any(adapters.on for adapters in self._adapters):
            found: Tensor = self.body(input_ids=ids, attention_mask=seen.long()).last_hidden_state
            return found.float()
        with torch.no_grad():
            found = self.body(input_ids=ids, attention_mask=seen.long()).last_hidden_state
        return found.float()

    def _remembers(self) -> bool:
        # A vector depends, in its last digits, on the texts beside it: in training it must not be one of an earlier step.
        return not self.training and not torch.is_grad_enabled()

    def _check_memory(self) -> None:
        """Forget what was encoded on another device, or in another precision."""
        device = next(self.body.parameters()).device
        now = (device, torch.is_autocast_enabled(device.type))
        if now != self._remembered:
            self._memory.forget()
            self._remembered = now

    def __call__(
        self, ids: Int[Tensor, " tokens"], lengths: Int[Tensor, " U"], keys: Int[Tensor, " U"]
    ) -> Float[Tensor, "U width"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(ids, lengths, keys)  # type: ignore[no-any-return]


def _windows(
    starts: Int[Tensor, " U"], lengths: Int[Tensor, " U"], most: int
) -> tuple[Int[Tensor, " W"] | None, Int[Tensor, " W"], Int[Tensor, " W"]]:
    """Part texts into windows: whose each is (nothing where every text is one), where it starts, how long it is."""
    if lengths.shape[0] == 0 or int(lengths.max()) <= most:
        return None, starts, lengths
    counts = (lengths + most - 1) // most
    owners = torch.repeat_interleave(counts)
    number = torch.arange(owners.shape[0]) - (counts.cumsum(0) - counts).index_select(0, owners)
    sizes = (lengths.index_select(0, owners) - number * most).clamp(max=most)
    return owners, starts.index_select(0, owners) + number * most, sizes


def _leave_given_out(module: nn.Module, state: dict[str, Any], prefix: str, _: object) -> None:
    """Take what is read from the encoder's own files out of a model's state."""
    assert isinstance(module, LiveText)
    for name in module._given:
        state.pop(prefix + name, None)


def _put_given_in(module: nn.Module, state: Mapping[str, Tensor], prefix: str, *_: object) -> None:
    """Put what is read from the encoder's own files into a state that is loaded, and forget what was remembered."""
    assert isinstance(module, LiveText) and isinstance(state, dict)
    module._memory.forget()
    own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name in module._given:
        state[prefix + name] = own[name].detach()
