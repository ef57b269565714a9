"""Every built-in head through the shipped suites."""

import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.layout import TaskLayout
from plait.tasks import Head, Relatedness, Retrieval, TwoTower, build_head
from plait.tasks.amount import Amount
from plait.tasks.binary import Binary
from plait.tasks.multiclass import Multiclass
from plait.tasks.multilabel import Multilabel
from plait.tasks.ordinal import Ordinal
from plait.tasks.ranking import Ranking
from plait.tasks.regression import Regression
from plait.testing import HeadContract, TwoTowerContract

CLASSES = ["x", "y", "z"]
RATES = [0.5, 0.3, 0.2]
BINARY = {"kind": "binary", "table": "rows", "label": "y"}


def head_of(settings, width: int, **known) -> Head:
    task = TaskLayout(name="t", kind=settings.kind, table="rows", **known)
    head = build_head(settings, task, width, [16])
    assert isinstance(head, Head)
    return head


class TestBinary(HeadContract):
    def build(self, width: int) -> Head:
        return head_of(Binary.Settings(kind="binary", table="rows", label="y"), width, mean=0.3)

    def labels(self, rows: int) -> Float[Tensor, "B L"]:
        return (torch.arange(rows) % 2).float()[:, None]


class TestBinaryFocal(TestBinary):
    def build(self, width: int) -> Head:
        settings = Binary.Settings.model_validate({**BINARY, "loss": "focal", "class_weight": "balanced", "smoothing": 0.05})
        return head_of(settings, width, mean=0.03, examples=1000)


class TestBinaryWeights(TestBinary):
    def build(self, width: int) -> Head:
        settings = Binary.Settings.model_validate({**BINARY, "class_weight": "effective", "resample": {0: 0.1}})
        return head_of(settings, width, mean=0.03, examples=1000)


class TestMulticlass(HeadContract):
    def build(self, width: int) -> Head:
        return head_of(
            Multiclass.Settings(kind="multiclass", table="rows", label="y"), width, classes=CLASSES, class_rate=RATES
        )

    def labels(self, rows: int) -> Float[Tensor, "B L"]:
        return (torch.arange(rows) % 3).float()[:, None]


class TestMulticlassFocal(TestMulticlass):
    def build(self, width: int) -> Head:
        described = {"kind": "multiclass", "table": "rows", "label": "y"}
        settings = Multiclass.Settings.model_validate(
            {**described, "loss": "focal", "class_weight": {"z": 4}, "smoothing": 0.1}
        )
        return head_of(settings, width, classes=CLASSES, class_rate=RATES, examples=1000)


class TestMultilabel(HeadContract):
    def build(self, width: int) -> Head:
        return head_of(
            Multilabel.Settings(kind="multilabel", table="rows", label="y"),
            width,
            classes=CLASSES,
            class_rate=RATES,
            label_width=2,
        )

    def labels(self, rows: int) -> Float[Tensor, "B L"]:
        number = torch.arange(rows)
        return torch.stack([number % 3, torch.where(number % 2 == 0, -1, (number + 1) % 3)], dim=1).float()


class TestMultilabelFocal(TestMultilabel):
    def build(self, width: int) -> Head:
        described = {"kind": "multilabel", "table": "rows", "label": "y", "loss": "focal", "class_weight": "balanced"}
        settings = Multilabel.Settings.model_validate(described)
        return head_of(settings, width, classes=CLASSES, class_rate=RATES, label_width=2, examples=1000)


class TestRegression(HeadContract):
    def build(self, width: int) -> Head:
        return head_of(Regression.Settings(kind="regression", table="rows", label="y"), width, mean=40.0, std=9.0)

    def labels(self, rows: int) -> Float[Tensor, "B L"]:
        return 40 + 9 * (torch.arange(rows) % 5 - 2).float()[:, None]


class TestRegressionHuber(TestRegression):
    def build(self, width: int) -> Head:
        settings = Regression.Settings.model_validate({"kind": "regression", "table": "rows", "label": "y", "loss": "huber"})
        return head_of(settings, width, mean=40.0, std=9.0)


class TestRegressionQuantiles(TestRegression):
    def build(self, width: int) -> Head:
        settings = Regression.Settings.model_validate(
            {"kind": "regression", "table": "rows", "label": "y", "loss": "quantile"}
        )
        return head_of(settings, width, mean=40.0, std=9.0)


class TestOrdinal(HeadContract):
    def build(self, width: int) -> Head:
        return head_of(Ordinal.Settings(kind="ordinal", table="rows", label="y"), width, classes=CLASSES, class_rate=RATES)

    def labels(self, rows: int) -> Float[Tensor, "B L"]:
        return (torch.arange(rows) % 3).float()[:, None]


class TestAmount(HeadContract):
    def build(self, width: int) -> Head:
        return head_of(Amount.Settings(kind="amount", table="rows", label="y"), width, mean=3.0)

    def labels(self, rows: int) -> Float[Tensor, "B L"]:
        return ((torch.arange(rows) % 4 == 0) * 12.0)[:, None]


class TestAmountLognormal(TestAmount):
    def build(self, width: int) -> Head:
        settings = Amount.Settings.model_validate({"kind": "amount", "table": "rows", "label": "y", "loss": "lognormal"})
        return head_of(settings, width, mean=3.0, above=0.25, log_mean=2.4, log_std=0.5)


class TestRanking(HeadContract):
    alone = False

    def build(self, width: int) -> Head:
        return head_of(Ranking.Settings(kind="ranking", table="rows", label="y"), width)

    def labels(self, rows: int) -> Float[Tensor, "B L"]:
        return (torch.arange(rows) % 3).float()[:, None]

    def groups(self, rows: int) -> Int[Tensor, "B"]:
        return torch.arange(rows) // 4 * 7


class TestRankingPairs(TestRanking):
    def build(self, width: int) -> Head:
        return head_of(Ranking.Settings(kind="ranking", table="rows", label="y", loss="pairwise"), width)


class TestRankingLambda(TestRanking):
    def build(self, width: int) -> Head:
        return head_of(Ranking.Settings(kind="ranking", table="rows", label="y", loss="lambda"), width)


class TestRetrieval(TwoTowerContract):
    def build(self, width: int, rows: int) -> TwoTower:
        return Retrieval(width, rows, [16], Retrieval.Settings(kind="retrieval", table="rows", label="k", space=8))


@pytest.mark.parametrize("score", ["transe", "distmult", "complex"])
class TestLinks(TwoTowerContract):
    @pytest.fixture(autouse=True)
    def chosen(self, score: str) -> None:
        self.score = score

    def build(self, width: int, rows: int) -> TwoTower:
        described = {"kind": "retrieval", "table": "rows", "label": "k", "space": 8, "score": self.score}
        return Retrieval(width, rows, [16], Retrieval.Settings.model_validate(described))


class TestRelatedness(TwoTowerContract):
    def build(self, width: int, rows: int) -> TwoTower:
        task = TaskLayout(name="t", kind="relatedness", table="rows", mean=0.4)
        settings = Relatedness.Settings(kind="relatedness", table="rows", label="y", space=8)
        return Relatedness(task, width, rows, [16], settings)


class TestRelatednessOfPositives(TwoTowerContract):
    def build(self, width: int, rows: int) -> TwoTower:
        task = TaskLayout(name="t", kind="relatedness", table="rows", mean=1.0)
        settings = Relatedness.Settings(kind="relatedness", table="rows", label="y", space=8)
        return Relatedness(task, width, rows, [16], settings)
