"""Recipe and layout → the model, the balancer, the text encoder. Every part is built here and handed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from plait.balance import Balancer, build_balancer
from plait.data.columns import Prepared
from plait.data.media.medium import MediaEncoders
from plait.encode.audio.frozen import FrozenAudio
from plait.encode.audio.log_mel import LogMel
from plait.encode.audio.network import SoundEncoder
from plait.encode.audio.settings import CNN
from plait.encode.graph import build_graph
from plait.encode.history import build_history
from plait.encode.image.frozen import FrozenImage
from plait.encode.row import RowEncoder
from plait.encode.text.frozen import FrozenText
from plait.encode.text.live import LiveText
from plait.encode.text.tokens import TextTokens
from plait.layout import FeatureLayout, Layout
from plait.model import Encoder, HistoryRole, MultiTaskModel, TaskTexts
from plait.model.encoder import row_spans
from plait.model.learning import Learning
from plait.recipe import Recipe
from plait.run.alike import build_alike
from plait.schema import Text
from plait.share import Inputs, build_sharing
from plait.tasks import build_chain, build_head, resampling
from plait.tasks.base import Head
from plait.tasks.rules import TaskRule
from plait.tasks.tokens import TokenHead
from plait.tasks.unlabelled.chosen import build_unlabelled, unlabelled_drop, unlabelled_ratio

__all__ = ["build_balance", "build_media", "build_model", "build_rules", "build_texts", "resampled"]


def build_model(recipe: Recipe, layout: Layout, encoder: Path | None = None) -> MultiTaskModel:
    """Build the untrained model of a recipe for prepared tables; its random start follows from the recipe's seed.

    Args:
        recipe: the recipe.
        layout: how the prepared tables look.
        encoder: the folder of a text encoder that was tuned before and is taken as it is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return _build(recipe, layout, encoder)


def _build(recipe: Recipe, layout: Layout, encoder: Path | None) -> MultiTaskModel:
    chosen = recipe.model
    settings = RowEncoder.Settings(
        width=chosen.width,
        numbers=chosen.numbers,
        vector_width=chosen.vector_width,
        sound_width=chosen.audio.width,
        fusion=chosen.fusion,
    )
    read = {role.table for role in layout.roles} | {t.target for t in layout.tasks.values() if t.target is not None}
    known = [f for name in layout.tables if name in read for f in layout.tables[name].features if f.target is not None]
    read |= {feature.target for feature in known if feature.target is not None}
    views = chosen.sharing.views(len(layout.tasks))
    rows = {name: RowEncoder(layout.tables[name], settings, views) for name in layout.tables if name in read}
    graphs = {f.name: build_graph(chosen.graph, _target(f, rows).width, f.relations, chosen.width) for f in known}
    spans = {name: row_spans(layout.tables[name], encoder, graphs) for name, encoder in rows.items()}
    histories = {
        role.name: HistoryRole(_width(spans[role.table]), build_history(chosen.history, chosen.width), chosen.width)
        for role in layout.roles
        if role.history is not None
    }
    inside = any(feature.tokens for table in layout.tables.values() for feature in table.features)
    texts = LiveText(chosen.text, encoder, len(layout.tasks)) if inside else None
    alphabet = texts.alphabet if texts is not None else None
    inputs = _inputs(layout, spans, chosen.width)
    sharing = build_sharing(chosen.sharing, inputs, len(layout.tasks))
    heads = {
        name: build_head(
            recipe.tasks[name],
            task,
            sharing.width,
            chosen.tower,
            _width(spans[task.target]) if task.target is not None else 0,
            alphabet,
        )
        for name, task in layout.tasks.items()
    }
    if texts is not None and not any(isinstance(head, TokenHead) and head.spells for head in heads.values()):
        texts.look_up()
    chain = build_chain({name: recipe.tasks[name] for name in layout.tasks}, sharing.width, chosen.tower)
    chained = {name: head for name in chain.order if isinstance(head := heads[name], Head)}
    chain.start(chained, {name: layout.tasks[name].mean for name in chain.order})
    stated = {layout.tasks[name].table for name, head in heads.items() if isinstance(head, TokenHead) and head.listens}
    before = Encoder(layout, rows, histories, views, texts, stated, graphs, _sounds(layout, chosen.audio.width))
    per_task = texts is not None and chosen.text.adapters == "per_task"
    own = TaskTexts(layout, texts.width, sharing.width) if texts is not None and per_task else None
    ways = _learning(recipe, layout)
    model = MultiTaskModel(layout, before, sharing, heads, chain, build_rules(recipe, layout), own, ways)
    model.compare(build_alike(recipe, layout, rows, inputs.spans))
    return model


def _learning(recipe: Recipe, layout: Layout) -> Learning:
    """Build what the tasks learn from rows without a label."""
    built = {name: build_unlabelled(recipe.tasks[name], task) for name, task in layout.tasks.items()}
    ways = {name: way for name, way in built.items() if way is not None}
    several = frozenset(name for name in ways if layout.tasks[name].kind == "multilabel")
    return Learning(ways, {name: unlabelled_drop(recipe.tasks[name]) for name in ways}, several)


def build_rules(recipe: Recipe, layout: Layout) -> list[TaskRule]:
    """Say what must hold for the outcomes of the tasks."""
    return [
        TaskRule(name, rule.task, tuple(layout.rules[name].classes), rule.weight)
        for name, rule in recipe.rules.items()
        if name in layout.rules
    ]


def _target(feature: FeatureLayout, rows: Mapping[str, RowEncoder]) -> RowEncoder:
    assert feature.target is not None
    return rows[feature.target]


def _width(spans: Mapping[str, tuple[int, int]]) -> int:
    return max((stop for _, stop in spans.values()), default=0)


def _inputs(layout: Layout, rows: Mapping[str, Mapping[str, tuple[int, int]]], history_width: int) -> Inputs:
    """Say how the joint input is laid out: the roles side by side, each with its features."""
    spans: dict[str, tuple[int, int]] = {}
    end = 0
    for role in layout.roles:
        if role.history is not None:
            end += history_width
            continue
        inner = rows[role.table]
        spans |= {f"{role.name}/{name}": (end + start, end + stop) for name, (start, stop) in inner.items()}
        end += _width(inner)
    sizes = {f.name: f.size for table in layout.tables.values() for f in table.features if len(f.slots) == 1}
    return Inputs(end, spans, sizes, tuple(layout.tasks))


def _sounds(layout: Layout, width: int) -> SoundEncoder | None:
    """Build what reads spectrograms, where any table has them; they are all of one shape."""
    shape = next((f.shape for table in layout.tables.values() for f in table.features if f.shape), None)
    return None if shape is None else SoundEncoder(shape, width)


def resampled(recipe: Recipe, prepared: Prepared) -> Prepared:
    """Return prepared tables that know how often labels of each class, and rows without a label, come up in training."""
    often = {name: resampling(recipe.tasks[name], task) for name, task in prepared.layout.tasks.items()}
    free = {name: unlabelled_ratio(recipe.tasks[name]) for name in prepared.layout.tasks}
    return replace(
        prepared,
        resample={name: times for name, times in often.items() if times},
        unlabelled={name: ratio for name, ratio in free.items() if ratio},
    )


def build_balance(recipe: Recipe, layout: Layout) -> Balancer:
    """Build the balancer of a recipe."""
    return build_balancer(recipe.balance, list(layout.tasks), [recipe.tasks[name].weight for name in layout.tasks])


def build_texts(recipe: Recipe, encoder: Path | None = None) -> FrozenText | TextTokens | None:
    """Build what reads texts in preparation, where the recipe has any: as vectors, or as tokens for an encoder in the model.

    Args:
        recipe: the recipe.
        encoder: the folder of the run's own encoder.
    """
    if not any(isinstance(feature, Text) for feature in recipe.features.values()):
        return None
    settings = recipe.model.text if encoder is None else recipe.model.text.model_copy(update={"model": str(encoder)})
    of_tokens = any(task.text is not None for task in recipe.tasks.values())
    return TextTokens(settings) if of_tokens or settings.tune != "frozen" else FrozenText(settings)


def build_media(recipe: Recipe) -> MediaEncoders | None:
    """Build what reads pictures and sounds where the recipe has any; weights are loaded at the first of them."""
    kinds = {feature.kind for feature in recipe.features.values()}
    if kinds.isdisjoint(("image", "audio")):
        return None
    chosen = recipe.model.audio
    images = FrozenImage(recipe.model.image) if "image" in kinds else None
    sounds = None if "audio" not in kinds else LogMel(chosen) if chosen.model == CNN else FrozenAudio(chosen)
    return MediaEncoders(images, sounds)
