"""Questions that hold nothing but a text: what tasks say of it, and what answers it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.errors import RunError
from plait.export.bundle import load_bundle
from plait.export.certainty import Certainty, Tried, certainties
from plait.export.command import export
from plait.run.job import train
from plait.run.run import Run
from plait.serve.ask.questions import AnalyseAsked, AnswerAsked
from plait.serve.service import Service
from support.notes import PHRASES, recipe_of, write_notes
from support.operators import listed_once
from support.wordy import WORDS, bert

__all__ = ["listed_once"]


def test_phrases_and_sentiment_of_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_of(write_notes(tmp_path, rows=240))
    run = train(recipe, tmp_path / "run", base=tmp_path, alone=False)
    service = Service(load_bundle(run.folder))
    service.warm()
    with monkeypatch.context() as context:
        context.setattr("plait.run.run.build_model", None)
        context.setattr("plait.run.run.build_texts", None)
        assert service.analyse(AnalyseAsked(texts=["warm"])).texts
    texts = ["the zoom is very good", "i like my remote control", ""]
    answer = service.analyse(AnalyseAsked(texts=texts))
    rows = pa.table({"note": ["a", "b", "c"], "text": texts})
    known = run.predict(rows, "notes")
    for place, topics in enumerate(answer.texts):
        said = {topic.task: topic for topic in topics}
        assert set(said) == {"keys", "good"}
        assert said["good"].value == pytest.approx(known["good"][place].as_py(), abs=1e-5)
        assert set(said["keys"].chances) == {*known["keys"][place].as_py()}
    assert PHRASES


def test_without_tasks_on_texts_it_says_so(service: Service) -> None:
    with pytest.raises(RunError, match=r"such as `sentiment: .* Found none among \['like', 'stars', 'next', 'genre'\]"):
        service.analyse(AnalyseAsked(texts=["a"]))
    answer = service.answer(AnswerAsked(question="Who made Amélie?"))
    assert not answer.known and answer.by == "words" and answer.precision is None
    assert answer.answers[0].title == "Amélie & “friends”" and answer.text.startswith("I don't know")


def test_without_items_there_is_nothing_to_answer_with(people_run: Run) -> None:
    with pytest.raises(RunError, match=r"such as `answer: .* Found none among"):
        Service(load_bundle(people_run.folder)).answer(AnswerAsked(question="a"))


@pytest.fixture(scope="module")
def helpdesk(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Questions about one of twelve words, each answered by the entry of that word."""
    folder = tmp_path_factory.mktemp("helpdesk")
    draw = np.random.default_rng(0)
    topics = WORDS[:12]
    pq.write_table(
        pa.table({"id": [f"a{i}" for i in range(12)], "answer": [f"{word} {word}" for word in topics]}),
        folder / "answers.parquet",
    )
    which = draw.integers(0, 12, 600)
    asked = [" ".join(draw.permutation([topics[i], *draw.choice(WORDS[12:], 2)])) for i in which]
    pq.write_table(pa.table({"question": asked, "reply": [f"a{i}" for i in which]}), folder / "questions.parquet")
    recipe = {
        "name": "helpdesk",
        "tables": {
            "questions": {"source": "questions.parquet", "keys": {"reply": "answers"}},
            "answers": {"source": "answers.parquet", "id": "id"},
        },
        "features": {"questions.question": "text", "answers.answer": "text", "answers.id": "id"},
        "tasks": {"answer": {"table": "questions", "kind": "retrieval", "label": "reply"}},
        "model": {"width": 8, "text": {"model": str(bert(folder / "encoder")), "tune": "full", "learning_rate": 0.003}},
        "train": {"epochs": 12, "batch": 32, "threads": 1, "precision": "fp32", "probes": 0, "patience": 12},
    }
    return train(recipe, folder / "run", base=folder, alone=False)


def test_an_answer_is_cited_by_its_id(helpdesk: Run) -> None:
    service = Service(load_bundle(helpdesk.folder))
    right = 0
    for number, word in enumerate(WORDS[:12]):
        answer = service.answer(AnswerAsked(question=f"the {word} was"))
        right += answer.answers[0].id == f"a{number}"
        assert answer.precision is not None and 0 < answer.coverage <= 1
        assert answer.known == (answer.answers[0].score >= answer.threshold)
        if answer.known:
            assert answer.text == f"{answer.answers[0].title} [{answer.answers[0].id}]"
        else:
            assert answer.text.startswith("I don't know")
        assert len(answer.answers) == 3
    assert right >= 8


def test_what_is_ready_has_read_a_text(helpdesk: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is warm nothing is loaded any more: neither the model with its encoder nor the answers."""
    service = Service(load_bundle(helpdesk.folder))
    service.warm()
    monkeypatch.setattr("plait.run.run.build_model", None)
    monkeypatch.setattr("plait.run.run.build_texts", None)
    monkeypatch.setattr("plait.serve.ask.answer.certainty", None)
    assert service.answer(AnswerAsked(question=f"the {WORDS[0]} was")).answers


def test_a_model_that_is_seldom_right_answers_nothing(helpdesk: Run) -> None:
    poor = Certainty(wanted=0.8, threshold=None, valid=Tried(precision=0.45, at_least=0.3, coverage=0.05, questions=400))
    bundle = load_bundle(helpdesk.folder)
    answer = Service(replace(bundle, answers={"answer": poor})).answer(AnswerAsked(question=f"the {WORDS[0]} was"))
    assert not answer.known and answer.text.startswith("I don't know")
    assert (answer.threshold, answer.precision, answer.coverage) == (None, None, 0.0)
    assert answer.answers


def test_a_bundle_says_when_its_answers_count_as_known(
    helpdesk: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without graphs, which would take most of the time and are not asked here.
    monkeypatch.setattr("plait.export.write.table_graphs", lambda *_: ({}, {}, {}))
    export(helpdesk, tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    sure = bundle.answers["answer"]
    assert bundle.answers == certainties(helpdesk)
    assert sure.valid.questions >= 20 and sure.test is not None and sure.test.questions >= 20
    asked = AnswerAsked(question=f"the {WORDS[0]} was")
    answers = [Service(one).answer(asked) for one in (bundle, load_bundle(helpdesk.folder))]
    assert answers[0].threshold == answers[1].threshold == sure.threshold
    # What is on the disk is what counts, so that a service need not ask the validation part when it starts.
    other = Service(replace(bundle, answers={"answer": sure.model_copy(update={"threshold": 2.0})})).answer(asked)
    assert other.threshold == 2.0 and not other.known
