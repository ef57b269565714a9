"""The encoder inside the model: what it computes, what it learns, what it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from plait.encode.text.live import LiveText
from plait.encode.text.settings import Text
from plait.encode.text.tokens import TextTokens
from plait.errors import RecipeError
from support.wordy import bert, gpt

TEXTS = ["good dog", "bad cat and a very dull plot", "red", "blue song with a great actor", "dog"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("models")
    return {"bert": bert(place / "bert", layers=3), "gpt": gpt(place / "gpt", layers=3)}


def live(folder: Path, **settings: object) -> LiveText:
    torch.manual_seed(3)
    return LiveText(Text.Settings.model_validate({"model": str(folder), **settings}))


def tokens(folder: Path, texts: list[str]) -> tuple[Tensor, Tensor, Tensor]:
    """Return tokens, lengths and keys; an empty text has neither."""
    reader = TextTokens(Text.Settings(model=str(folder)))
    read = [reader.read([text])[0].tolist() if text else [] for text in texts]
    lengths = torch.tensor([len(ids) for ids in read], dtype=torch.int64)
    keys = torch.tensor([hash(tuple(ids)) if ids else 0 for ids in read], dtype=torch.int64)
    return torch.tensor([i for ids in read for i in ids], dtype=torch.int32), lengths, keys


def by_hand(folder: Path, text: str) -> tuple[Tensor, Tensor]:
    """Return a text's vector and its tokens' states as the model gives them alone."""
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
    return states.mean(0), states


def _shake(encoder: LiveText) -> None:
    """Give the adapters something to say."""
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.3)


@pytest.mark.parametrize("kind", ["bert", "gpt"])
@pytest.mark.parametrize("tune", ["frozen", "lora", "full"])
def test_it_starts_as_the_model_is(folders: dict[str, Path], kind: str, tune: str) -> None:
    encoder = live(folders[kind], tune=tune, pooling="mean").eval()
    ids, lengths, keys = tokens(folders[kind], [*TEXTS, ""])
    with torch.no_grad():
        vectors = encoder(ids, lengths, keys)
        again, states = encoder.tokens(ids, lengths)
    assert vectors.shape == (6, 32)
    assert not vectors[5].any()
    assert torch.allclose(again, vectors, atol=1e-5)
    ends = [0, *lengths.cumsum(0).tolist()]
    for number, text in enumerate(TEXTS):
        vector, own = by_hand(folders[kind], text)
        assert torch.allclose(vectors[number], vector, atol=1e-5)
        assert torch.allclose(states[ends[number] : ends[number + 1]], own, atol=1e-5)


@pytest.mark.parametrize("texts", [[], [""], ["dog"]])
def test_few_texts(folders: dict[str, Path], texts: list[str]) -> None:
    encoder = live(folders["bert"], tune="lora")
    ids, lengths, keys = tokens(folders["bert"], texts)
    assert encoder(ids, lengths, keys).shape == (len(texts), 32)
    assert encoder.eval()(ids, lengths, keys).shape == (len(texts), 32)
    assert encoder.tokens(ids, lengths)[1].shape == (len(ids), 32)


@pytest.mark.parametrize(("tune", "trained"), [("lora", "lora_"), ("full", "")])
def test_what_is_trained_and_kept(folders: dict[str, Path], tune: str, trained: str) -> None:
    encoder = live(folders["bert"], tune=tune)
    ids, lengths, keys = tokens(folders["bert"], TEXTS)
    encoder(ids, lengths, keys).square().sum().backward()
    moved = {name for name, p in encoder.named_parameters() if p.grad is not None}
    assert moved == {name for name, p in encoder.named_parameters() if p.requires_grad}
    assert all(trained in name for name in moved)
    assert not any("pooler" in name for name in moved)
    assert {*encoder.state_dict()} == moved


def test_a_checkpoint_of_adapters_comes_back_whole(folders: dict[str, Path]) -> None:
    one, other = live(folders["gpt"], tune="lora").eval(), live(folders["gpt"], tune="lora").eval()
    _shake(one)
    ids, lengths, keys = tokens(folders["gpt"], TEXTS)
    with torch.no_grad():
        before = other(ids, lengths, keys)
        other.load_state_dict(one.state_dict())
        assert torch.equal(other(ids, lengths, keys), one(ids, lengths, keys))
    assert not torch.allclose(before, one(ids, lengths, keys))


@pytest.mark.parametrize("kind", ["bert", "gpt"])
@pytest.mark.parametrize("tune", ["frozen", "lora", "full"])
def test_what_is_exported_can_be_named(folders: dict[str, Path], tmp_path: Path, kind: str, tune: str) -> None:
    encoder = live(folders[kind], tune=tune, pooling="first").eval()
    _shake(encoder)
    ids, lengths, keys = tokens(folders[kind], TEXTS)
    with torch.no_grad():
        before = encoder(ids, lengths, keys)
        encoder.settle()
        merged = encoder(ids, lengths, keys)
        encoder.export(tmp_path / "encoder")
    assert torch.allclose(before, merged, atol=1e-4)
    assert not encoder.state_dict()
    again = LiveText(Text.Settings(model="gone", tune="lora"), tmp_path / "encoder").eval()
    assert torch.equal(again(ids, lengths, keys), merged)
    assert not again.state_dict() and not any(p.requires_grad for p in again.parameters())
    named = live(tmp_path / "encoder", tune="full").eval()
    assert torch.allclose(named(ids, lengths, keys), merged, atol=1e-6), "the pooling is stated in the folder"


def test_a_settled_encoder_keeps_all_of_itself(folders: dict[str, Path]) -> None:
    one, other = live(folders["bert"], tune="lora"), live(folders["bert"], tune="lora")
    _shake(one)
    one.settle()
    other.settle()
    other.load_state_dict(one.state_dict())
    ids, lengths, keys = tokens(folders["bert"], TEXTS)
    assert torch.equal(one.eval()(ids, lengths, keys), other.eval()(ids, lengths, keys))


def test_in_evaluation_each_text_is_encoded_once(folders: dict[str, Path]) -> None:
    encoder = live(folders["bert"], tune="lora").eval()
    asked: list[int] = []
    encoder.body.register_forward_hook(lambda *call: asked.append(call[2].last_hidden_state.shape[0]), always_call=True)
    ids, lengths, keys = tokens(folders["bert"], TEXTS)
    some, of_some, keys_of_some = tokens(folders["bert"], ["dog", "red film", ""])
    with torch.no_grad():
        whole = encoder(ids, lengths, keys)
        part = encoder(some, of_some, keys_of_some)
        assert sum(asked) == len(TEXTS) + 1
        assert torch.equal(part[0], whole[4])
        assert not part[2].any()
        encoder.train()
        encoder.eval()
        encoder(ids, lengths, keys)
    assert sum(asked) == 2 * len(TEXTS) + 1


def test_with_little_memory_it_is_as_right(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from plait.encode.text import live as module
    from plait.encode.text.memory import Memory

    encoder = live(folders["bert"], tune="full").eval()
    ids, lengths, keys = tokens(folders["bert"], TEXTS)
    with torch.no_grad():
        whole = encoder(ids, lengths, keys)
    monkeypatch.setattr(module, "Memory", lambda width: Memory(width, most=4 * width * 2))
    small = live(folders["bert"], tune="full").eval()
    some, of_some, keys_of_some = tokens(folders["bert"], TEXTS[:1])
    with torch.no_grad():
        small(some, of_some, keys_of_some)
        for _ in range(2):
            assert torch.allclose(small(ids, lengths, keys), whole, atol=1e-6)


def test_learning_rates_fall_from_layer_to_layer(folders: dict[str, Path]) -> None:
    encoder = live(folders["bert"], tune="full", learning_rate=1.0, layer_decay=0.5)
    rates = {id(p): rate for p, rate in encoder.rates()}
    named = {name: rates[id(p)] for name, p in encoder.named_parameters() if id(p) in rates}
    assert {rate for name, rate in named.items() if "layer.2." in name} == {1.0}
    assert {rate for name, rate in named.items() if "layer.0." in name} == {0.25}
    assert {rate for name, rate in named.items() if "embeddings" in name} == {0.125}
    assert len(named) == sum(p.requires_grad for p in encoder.parameters())


@pytest.mark.parametrize(("tune", "steps"), [("full", [0, 1, 2, 3, 4]), ("lora", [0, 1, 2, 3, 3])])
def test_gradual_unfreezing_joins_layers_from_the_top(folders: dict[str, Path], tune: str, steps: list[int]) -> None:
    encoder = live(folders["bert"], tune=tune, unfreeze="gradual").train()
    ids, lengths, keys = tokens(folders["bert"], TEXTS)
    order = ["layer.2.", "layer.1.", "layer.0.", "embeddings."]
    for place, joined in enumerate(steps):
        encoder.before_step(0.5 * place / 4)
        encoder.zero_grad(set_to_none=True)
        vectors = encoder(ids, lengths, keys)
        if joined:
            vectors.square().sum().backward()
        moved = [part for part in order if any(part in n and p.grad is not None for n, p in encoder.named_parameters())]
        assert moved == order[:joined], "nothing below is in the graph"
        assert vectors.requires_grad == (joined > 0)
    names = {name for name, p in encoder.named_parameters() if p.requires_grad}
    assert names == {name for name, p in live(folders["bert"], tune=tune).named_parameters() if p.requires_grad}


@pytest.mark.parametrize("kind", ["bert", "gpt"])
@pytest.mark.parametrize("settings", [{"tune": "full"}, {"tune": "lora"}, {"tune": "full", "unfreeze": "gradual"}])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_only_the_topmost_layers_are_tuned(
    folders: dict[str, Path], kind: str, settings: dict[str, str], count: int
) -> None:
    encoder = live(folders[kind], layers=count, **settings).train()
    encoder.look_up()
    encoder.before_step(1.0)
    encoder(*tokens(folders[kind], TEXTS)).square().sum().backward()
    moved = {id(p) for p in encoder.parameters() if p.grad is not None}
    top = {id(p) for block in encoder.layers.blocks[-count:] for p in block.parameters() if p.requires_grad}
    above = {id(p) for p in encoder.layers.groups[-1]}
    assert moved >= top and top
    assert moved <= top | above
    assert {id(p) for p, _ in encoder.rates()} <= top | above
    for place, block in enumerate(encoder.layers.blocks):
        learns = place >= len(encoder.layers.blocks) - count
        assert {module.training for module in block.modules()} == {learns}, "what is not tuned drops nothing out"


def test_task_adapters_stand_in_the_topmost_layers(folders: dict[str, Path]) -> None:
    settings = Text.Settings(model=str(folders["bert"]), tune="lora", adapters="per_task", layers=1)
    every = Text.Settings(model=str(folders["bert"]), tune="lora", adapters="per_task")
    assert 3 * len(LiveText(settings, tasks=2).own(0)) == len(LiveText(every, tasks=2).own(0))


def test_more_layers_than_there_are_is_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(RecipeError, match="the encoder's 3 layers.*Found 4"):
        live(folders["bert"], tune="full", layers=4)


def test_what_all_layers_share_lies_below() -> None:
    from transformers import MPNetConfig, MPNetModel

    from plait.encode.text.layers import Layers

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 3, "vocab_size": 40}
    body = MPNetModel(MPNetConfig(**sizes), add_pooling_layer=False)
    shared = next(p for name, p in body.named_parameters() if "relative_attention_bias" in name)
    assert any(shared is p for p in Layers(body).below(1))


def test_layers_of_an_encoder_that_is_not_tuned_are_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="should go with `tune: lora` or `tune: full`"):
        live(folders["bert"], layers=2)


def test_a_map_before_the_layers_may_be_named() -> None:
    from transformers import ElectraConfig, ElectraModel

    from plait.encode.text.lora import targets

    sizes = {"hidden_size": 16, "embedding_size": 8, "intermediate_size": 32, "num_attention_heads": 2}
    body = ElectraModel(ElectraConfig(**sizes, num_hidden_layers=2, vocab_size=40))
    assert targets(body, Text.Settings(tune="lora", targets=["embeddings_project"])) == ["embeddings_project"]


def test_checkpointed_gradients_are_the_same(folders: dict[str, Path]) -> None:
    found = []
    for checkpoint in (False, True):
        encoder = live(folders["gpt"], tune="lora", checkpoint=checkpoint, dropout=0.2).train()
        _shake_seeded(encoder)
        torch.manual_seed(5)
        encoder(*tokens(folders["gpt"], TEXTS)).square().sum().backward()
        found.append(torch.cat([p.grad.flatten() for p in encoder.parameters() if p.grad is not None]))
    assert torch.allclose(found[0], found[1], atol=1e-5)
    assert found[0].any()


def _shake_seeded(encoder: LiveText) -> None:
    torch.manual_seed(4)
    _shake(encoder)


def test_under_autocast_it_is_about_the_same(folders: dict[str, Path]) -> None:
    encoder = live(folders["bert"], tune="lora").eval()
    _shake(encoder)
    given = tokens(folders["bert"], TEXTS)
    with torch.no_grad():
        exact = encoder(*given)
        with torch.autocast("cpu", torch.bfloat16):
            for _ in range(2):
                rough = encoder(*given)
    assert not torch.equal(exact, rough), "what was remembered in fp32 is not mixed in"
    assert torch.nn.functional.cosine_similarity(exact, rough).min() > 0.999
    with torch.autocast("cpu", torch.bfloat16):
        encoder.train()(*given).sum().backward()
    assert all(p.grad is not None for p in encoder.parameters() if p.requires_grad)


def test_adapters_where_they_are_asked_for(folders: dict[str, Path]) -> None:
    encoder = live(folders["bert"], tune="lora", targets=["query", "value"], rank=3)
    names = {n.split(".lora_")[0].rpartition(".")[2] for n, p in encoder.named_parameters() if p.requires_grad}
    assert names == {"query", "value"}
    assert sum(p.numel() for p in encoder.parameters() if p.requires_grad) == 3 * 2 * 3 * (32 + 32)
    with pytest.raises(
        RecipeError, match=r"`model.text.targets` should name linear maps .* Found \['querry'\]\. Did you mean"
    ):
        live(folders["bert"], tune="lora", targets=["querry"])


def test_a_frozen_encoder_has_no_dropout_and_no_graph(folders: dict[str, Path]) -> None:
    encoder = live(folders["bert"], tune="frozen").train()
    given = tokens(folders["bert"], TEXTS)
    vectors, states = encoder.tokens(given[0], given[1])
    assert torch.equal(vectors, encoder.tokens(given[0], given[1])[0])
    assert not vectors.requires_grad and not states.requires_grad


def test_long_texts_are_the_mean_of_their_windows(folders: dict[str, Path]) -> None:
    encoder = live(folders["bert"], tune="lora", max_tokens=5, long="pool").eval()
    ids = torch.tensor([2, 7, 8, 9, 3, 2, 10, 3, 2, 7, 3], dtype=torch.int32)
    windows = encoder.tokens(ids, torch.tensor([5, 3, 3]))
    texts = encoder.tokens(ids, torch.tensor([8, 3]))
    mean = (5 * windows[0][0] + 3 * windows[0][1]) / 8
    assert torch.allclose(texts[0], torch.stack([mean, windows[0][2]]), atol=1e-6)
    assert torch.allclose(texts[1], windows[1], atol=1e-6)


def _shaken(folder: Path, tasks: int) -> LiveText:
    torch.manual_seed(3)
    encoder = LiveText(Text.Settings(model=str(folder), tune="lora", adapters="per_task", dropout=0.3), tasks=tasks)
    with torch.no_grad():
        for number in range(tasks):
            for matrix in encoder.own(number):
                matrix.normal_(std=0.2)
    return encoder


@pytest.mark.parametrize("kind", ["bert", "gpt"])
def test_adapters_of_tasks_are_those_of_peft(folders: dict[str, Path], kind: str) -> None:
    encoder = _shaken(folders[kind], 3).eval()
    ids, lengths, keys = tokens(folders[kind], [*TEXTS, ""])
    both = encoder.of_tasks(ids, lengths, [2, 0])
    assert both.shape == (2, 6, 32)
    for place, task in enumerate((2, 0)):
        shared = live(folders[kind], tune="lora").eval()
        own = iter(encoder.own(task))
        with torch.no_grad():
            for name, parameter in shared.named_parameters():
                if "lora_" in name:
                    parameter.copy_(next(own))
        assert torch.allclose(both[place], shared(ids, lengths, keys), atol=1e-5)
    frozen = live(folders[kind], tune="frozen")
    assert torch.equal(encoder(ids, lengths, keys), frozen(ids, lengths, keys)), "without a task it is the body"


def test_a_task_moves_its_own_adapters_alone(folders: dict[str, Path]) -> None:
    encoder = _shaken(folders["bert"], 3).train()
    ids, lengths, keys = tokens(folders["bert"], TEXTS)
    first, again = (encoder.of_tasks(ids, lengths, [1]) for _ in range(2))
    assert not torch.equal(first, again), "the adapters' dropout"
    assert torch.equal(encoder(ids, lengths, keys), encoder(ids, lengths, keys)), "the body has none"
    first.square().sum().backward()
    moved = {id(p) for p in encoder.parameters() if p.grad is not None}
    assert moved == {id(p) for p in encoder.own(1)}
    share = sum(p.numel() for p in encoder.own(1)) / sum(p.numel() for p in encoder.body.parameters())
    assert share < 0.2


def test_adapters_of_tasks_stay_beside_the_exported_body(folders: dict[str, Path], tmp_path: Path) -> None:
    encoder = _shaken(folders["gpt"], 2).eval()
    ids, lengths, keys = tokens(folders["gpt"], TEXTS)
    encoder.export(tmp_path)
    state = encoder.state_dict()
    assert len(state) == sum(len(encoder.own(task)) for task in range(2))
    torch.manual_seed(9)
    again = LiveText(encoder.settings, tmp_path, tasks=2).eval()
    again.load_state_dict(state)
    assert torch.equal(again.of_tasks(ids, lengths, [0, 1]), encoder.of_tasks(ids, lengths, [0, 1]))
    named = live(tmp_path, tune="frozen")
    assert torch.equal(named(ids, lengths, keys), encoder(ids, lengths, keys))


def test_adapters_of_tasks_need_a_frozen_body() -> None:
    with pytest.raises(ValueError, match=r"`adapters: per_task` should go with `tune: lora` .* Found `tune: full`"):
        Text.Settings(tune="full", adapters="per_task")


@pytest.mark.parametrize("training", [False, True])
def test_no_texts_at_all(folders: dict[str, Path], training: bool) -> None:
    encoder = live(folders["bert"], tune="lora").train(training)
    none = torch.empty(0, dtype=torch.int64)
    with torch.no_grad():
        assert encoder(none.int(), none, none).shape == (0, 32)
