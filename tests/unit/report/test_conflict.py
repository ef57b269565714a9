"""Who pulls apart, where and since when; in sentences that say no more than the figures do."""

import numpy as np
import pytest

from plait.report import Change, Cosine, Figures, GainFigure, Gate, Transfer
from plait.report.conflict.page import render_conflicts
from plait.report.conflict.pulls import pulls, pushes
from plait.report.conflict.tiles import why
from plait.report.conflict.words import load_words, sentences, thresholds
from support.pages import checked
from support.reports import pair

EPOCHS = [epoch for epoch in (1, 2, 3) for _ in range(4)]
NOISE = np.random.default_rng(4).normal(0, 0.02, 12)


def cosine(whole, **parts):
    """Figures of `stars` and `genre`: the mean of each epoch, with a little noise."""

    def values(means):
        return [means[epoch - 1] + float(noise) for epoch, noise in zip(EPOCHS, NOISE, strict=True)]

    return Cosine(
        steps=list(range(12)),
        epochs=EPOCHS,
        pairs={"stars | genre": values(whole)},
        parts={part.replace("_", " "): {"stars | genre": values(means)} for part, means in parts.items()},
    )


@pytest.fixture
def report():
    whole, _ = pair(200)
    worse = GainFigure(value=-0.012, low=-0.020, high=-0.004, verdict="worse")
    same = GainFigure(value=0.001, low=-0.002, high=0.004, verdict="same")
    tasks = {name: whole.tasks[name].model_copy(update={"gain": same}) for name in ("stars", "genre", "like")}
    tasks["genre"] = tasks["genre"].model_copy(update={"gain": worse})
    return whole.model_copy(update={"tasks": tasks, "hurt": ["genre"]})


def test_since_when(report):
    whole, experts, gate = pulls(cosine([0.02, -0.1, -0.1], shared_experts=[0.1, -0.2, -0.25], gate=[-0.3] * 3))
    assert (whole.direction, whole.since) == ("apart", 2)
    assert (experts.part, experts.direction, experts.since) == ("shared experts", "apart", 2)
    assert experts.cosine.value == pytest.approx(-0.225, abs=0.02)
    assert experts.cosine.low < experts.cosine.value < experts.cosine.high < 0
    assert (gate.direction, gate.since, gate.against) == ("apart", 1, 1.0)
    assert whole.draws == 12


def test_the_sentence(report):
    words = sentences(report, Figures(cosine=cosine([0.02] * 3, shared_experts=[0.1, -0.2, -0.25])))
    assert words[0].startswith("`stars` and `genre` pull apart in the shared experts from epoch 2 (mean cosine −0.2")
    assert words[0].endswith("; `genre` is worse than alone by 1.2 % (0.4 to 2.0).")


def test_nothing_conflicts(report):
    words = sentences(report, Figures(cosine=cosine([0.02, -0.02, 0.01], shared_experts=[0.03, 0.0, -0.03])))
    assert words[0] == "The two tasks do not pull apart, neither over all they share nor in any part of the model."
    assert words[1].startswith("`genre` is worse than alone by 1.2 % (0.4 to 2.0), although no pair with it pulls apart")


def test_a_small_cosine_is_no_conflict_however_sure(report):
    assert pulls(cosine([-0.04, -0.04, -0.04]))[0].direction == "neither"


def test_what_turns_back_is_no_conflict(report):
    turned = pulls(cosine([-0.3, -0.3, 0.2]))[0]
    assert (turned.direction, turned.since) == ("together", 3)
    assert pulls(cosine([-0.3, -0.3, 0.01]))[0].direction == "neither"


def test_two_draws_say_nothing(report):
    two = Cosine(steps=[1, 2], epochs=[1, 1], pairs={"stars | genre": [-0.9, -0.9]})
    assert pulls(two)[0].direction == "unknown"
    assert "too few draws" in sentences(report, Figures(cosine=two))[0]


def test_many_parts_ask_for_more(report):
    # One of many parts without any conflict seldom looks like one: chance is shared among the parts of a pair.
    draw = np.random.default_rng(1)
    found = 0
    for _ in range(100):
        noise = {f"part{n}": {"a | b": draw.normal(0, 0.4, 8).tolist()} for n in range(10)}
        given = Cosine(steps=list(range(8)), epochs=[1] * 8, pairs={"a | b": draw.normal(0, 0.4, 8).tolist()}, parts=noise)
        found += any(pull.direction != "neither" for pull in pulls(given))
    assert found <= 12


def test_steps_in_words(report):
    change = {"up": Change(value=-0.002, low=-0.003, high=-0.001), "down": Change(value=0.01, low=0.008, high=0.012)}
    none = Change(value=0.0001, low=-0.001, high=0.0012)
    lowered = [[change["down"], change["up"]], [none, change["down"]]]
    figures = Figures(transfer=Transfer(tasks=["stars", "genre"], lowered=lowered, rate=0.003, batches=8))
    assert [push.direction for push in pushes(figures)] == ["together", "apart", "neither", "together"]
    assert sentences(report, figures) == [
        "A step for `stars` raises the loss of `genre` by 0.2 % (0.1 to 0.3) on validation rows."
    ]
    quiet = Figures(transfer=Transfer(tasks=["stars", "genre"], lowered=[[none, none], [none, none]]))
    assert sentences(report, quiet) == ["No step for one task measurably changes the loss of another on validation rows."]


def test_a_change_that_is_no_more_than_rounding_is_no_change(report):
    rounded = Change(value=-1.2e-7, low=-1.2e-7, high=-1.2e-7)
    figures = Figures(
        transfer=Transfer(tasks=["stars", "genre"], lowered=[[rounded, rounded], [rounded, rounded]], batches=4)
    )
    assert {push.direction for push in pushes(figures)} == {"neither"}
    assert sentences(report, figures) == ["No step for one task measurably changes the loss of another on validation rows."]


def test_experts_in_words():
    even = load_words("level 1", Gate(experts=["1", "2"], tasks={"a": [0.5, 0.5], "b": [0.4, 0.6]}))
    assert even[0].startswith("In level 1, all 2 experts are used and no gate has collapsed")
    dead = load_words("experts", Gate(experts=["1", "2", "3"], tasks={"a": [0.99, 0.0, 0.01], "b": [0.5, 0.5, 0.0]}))
    assert dead[0] == "In the experts, expert 3 is dead."
    assert dead[1] == "In the experts, the gate of `a` has collapsed: it gives expert 1 99 %."


def test_old_runs_without_epochs_or_parts(report):
    old = Cosine(steps=[1, 2, 3], pairs={"stars | genre": [-0.2, -0.25, -0.21]})
    assert sentences(report, Figures(cosine=old))[0].startswith("`stars` and `genre` pull apart in all they share (mean")


def test_the_page_of_its_own(report):
    _, figures = pair(200)
    transfer = Transfer(
        tasks=["like", "stars"], lowered=[[Change(value=0.1, low=0.05, high=0.2)] * 2] * 2, rate=0.003, batches=8
    )
    given = figures.model_copy(update={"cosine": cosine([-0.2] * 3, experts=[-0.3] * 3), "transfer": transfer})
    page = render_conflicts(report, given, ["A note <b>."])
    words = checked(page)
    for heading in (
        "What the tasks do to each other",
        "Do the tasks pull the same way?",
        "Where do they pull?",
        "What does a step for one do to the others?",
        "Who uses which expert",
        "Weights of the losses",
    ):
        assert heading in words
    assert "A note <b>." in words
    assert "<b>stars</b> and <b>genre</b> pull apart" in page
    assert thresholds() in words
    assert "<script" not in page
    assert "http" not in page


def test_nothing_measured_leaves_no_section(report):
    assert checked(render_conflicts(report, Figures())).endswith("What the tasks do to each other. Plait " + report.plait)
    assert why(report, Figures()).parts is None
