"""What a service answers, with no HTTP in it: the same object serves the command line, tests and the network."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import final

from plait.errors import PlaitError
from plait.export.bundle import Bundle
from plait.serve.ask import rank as ranking
from plait.serve.ask.ads import ads
from plait.serve.ask.analyse import Analyst
from plait.serve.ask.answer import Responder
from plait.serve.ask.answers import (
    Added,
    Ads,
    Analysed,
    Answered,
    Explained,
    Feedback,
    History,
    Profile,
    Ranked,
    Recommended,
    Scored,
    SearchFound,
    SimilarFound,
)
from plait.serve.ask.calibration import Calibrations
from plait.serve.ask.events import Events
from plait.serve.ask.feedback import keep
from plait.serve.ask.history import history
from plait.serve.ask.profile import Biographer
from plait.serve.ask.questions import (
    AdsAsked,
    AnalyseAsked,
    AnswerAsked,
    ExplainAsked,
    FeedbackAsked,
    HistoryAsked,
    ItemsAsked,
    ProfileAsked,
    RankAsked,
    RecommendAsked,
    ScoreAsked,
    SearchAsked,
    SimilarAsked,
)
from plait.serve.ask.recommend import recommend
from plait.serve.ask.search import Finder
from plait.serve.ask.shop import Shop
from plait.serve.ask.similar import Kinship
from plait.serve.ask.stages import Limits, Stages
from plait.serve.ask.why import explain

__all__ = ["Service"]

_DEPTH = 200


@final
class Service:
    """Answers from one model, for as long as it lives: another model is another service.

    Args:
        bundle: the run and what scores it.
        events: keeps what users did; None keeps nothing, and feedback is refused.
        limits: how long each stage of an answer may take.
        depth: how many candidates are ranked by all tasks.

    Attributes:
        bundle: the run and what scores it.
        version: SHA-256 of the model, which every answer says.
    """

    def __init__(
        self, bundle: Bundle, events: Events | None = None, limits: Limits | None = None, depth: int = _DEPTH
    ) -> None:
        self.bundle = bundle
        self.version = bundle.version
        self._events = events
        self._limits = limits or Limits()
        self._depth = depth

    @property
    def formula(self) -> str | None:
        """How the tasks' scores become one; None where no task puts items in order."""
        formula = self._shop.formula if self.bundle.backend.shape.pairings else None
        return None if formula is None else formula.text

    @property
    def items(self) -> int:
        """How many items are offered, with those that were added since the run."""
        return self._shop.offer.items.rows

    @property
    def abilities(self) -> dict[str, bool]:
        """What can be asked of this model, as its recipe has the tasks for it."""
        pairs = bool(self.bundle.backend.shape.pairings)
        return {
            "recommend": pairs,
            "search": pairs,
            "analyse": bool(self._analyst.tasks),
            "answer": pairs or self._responder.able,
        }

    def use(self, formula: str) -> str:
        """Put another formula in place for all questions from now on, and return the one before.

        Raises:
            RecipeError: it cannot be read, or names what there is not; the one in place stays.
        """
        before = self.formula
        self._shop.use(formula)
        return before or ""

    def warm(self) -> None:
        """Make what answers need, and answer something, before the first question comes."""
        # Where a text cannot be read, whoever asks about one is told so, and all else is answered.
        with suppress(PlaitError, OSError):
            self._analyst.warm()
        with suppress(PlaitError, OSError):
            self._responder.warm()
        if not self.bundle.backend.shape.pairings:
            return
        shop = self._shop
        self._kinship.warm()
        self._finder.warm()
        for user in ("", shop.users.id(1) if shop.users.rows else ""):
            recommend(shop, RecommendAsked.model_construct(user=user))

    def recommend(self, asked: RecommendAsked) -> Recommended:
        """Say what to show a user.

        Raises:
            RecipeError: the formula or a filter names what there is not.
            RunError: users and items do not meet in this run.
        """
        return recommend(self._shop, asked)

    def rank(self, asked: RankAsked) -> Ranked:
        """Put items in order for a user.

        Raises:
            RecipeError: the formula names what there is not.
            RunError: users and items do not meet in this run.
        """
        return ranking.rank(self._shop, asked)

    def score(self, asked: ScoreAsked) -> Scored:
        """Say what every task predicts, of a user with some items or of rows.

        Raises:
            DataError: the rows do not hold what the tasks read.
            RecipeError: there is no such table.
            RunError: users and items do not meet in this run.
        """
        if asked.items:
            return ranking.score(self._shop, asked)
        return ranking.score_rows(self.bundle.run, self.version, asked)

    def similar(self, asked: SimilarAsked) -> SimilarFound:
        """Say which items are like one.

        Raises:
            DataError: there is no such item.
            RecipeError: a filter names what there is not.
        """
        return self._kinship.similar(asked)

    def search(self, asked: SearchAsked) -> SearchFound:
        """Say which items fit some words.

        Raises:
            RecipeError: a filter names what there is not.
            RunError: users and items do not meet in this run.
        """
        return self._finder.search(asked)

    def explain(self, asked: ExplainAsked) -> Explained:
        """Say why a user is shown an item, or would not be.

        Raises:
            DataError: there is no such item.
            RunError: users and items do not meet in this run.
        """
        return explain(self._shop, asked)

    def ads(self, asked: AdsAsked) -> Ads:
        """Say which advertisements to show a user.

        Raises:
            RecipeError: the event names what is no chance of a user with an item.
            RunError: users and items do not meet in this run.
        """
        return ads(self._shop, self._calibrations, asked)

    def profile(self, asked: ProfileAsked) -> Profile:
        """Say what is known and predicted of a user.

        Raises:
            RunError: users and items do not meet in this run.
        """
        return self._biographer.profile(asked)

    def history(self, asked: HistoryAsked) -> History:
        """Say what a user did, the newest first.

        Raises:
            RunError: users and items do not meet in this run.
        """
        return history(self._shop, asked)

    def analyse(self, asked: AnalyseAsked) -> Analysed:
        """Say what the tasks on texts make of some.

        Raises:
            RunError: no task of the run reads a text and nothing else.
        """
        return self._analyst.analyse(asked)

    def answer(self, asked: AnswerAsked) -> Answered:
        """Answer a customer's question, or say that the answer is not known.

        Without a retrieval task that reads nothing but a text, items that hold the question's words are named.

        Raises:
            RunError: there is no such task, and no items to search.
        """
        if self._responder.able or not self.bundle.backend.shape.pairings:
            return self._responder.answer(asked)
        found = self._finder.search(SearchAsked(query=asked.question[:1_000], count=asked.count))
        return self._responder.nearest(asked, found)

    def feedback(self, asked: FeedbackAsked) -> Feedback:
        """Keep what a user did; it is on the disk when this returns, and the next answer knows it.

        Raises:
            StoreError: there is no store, or it is busy or gone; nothing was kept.
            DataError: the event cannot be kept as it is.
        """
        return keep(self._events, self.version, asked)

    def add_items(self, asked: ItemsAsked) -> Added:
        """Offer new items from now on; with a store they are on its disk when this returns.

        Raises:
            DataError: a column is missing or holds something else, or an item is there already.
            StoreError: there is a store, and it is busy or gone; nothing was added.
        """
        stages = Stages()
        items, kept = self._shop.add([dict(row) for row in asked.rows])
        return Added(model=self.version, took=stages.told(), items=items, kept=kept)

    def newcomer(self, name: str) -> dict[str, object] | None:
        """Return what is known of an item that was added since the run; None where it is none of them."""
        return self._shop.offer.items.came(name) if self.bundle.backend.shape.pairings else None

    def newcomers(self, words: str, count: int) -> list[dict[str, object]]:
        """Return what is known of items that were added since the run, the newest first: those with a text in them.

        Args:
            words: in the id, the title, or any other column, in any case; all items hold an empty one.
            count: how many at most.
        """
        return self._shop.offer.items.since(words, count) if self.bundle.backend.shape.pairings else []

    def offer(self, rows: list[dict[str, object]]) -> list[str]:
        """Offer items that another service was given, and return the ids of those that are new here; none is kept.

        Raises:
            DataError: this model reads a column that is missing or holds something else.
        """
        return self._shop.follow(rows)

    @cached_property
    def _shop(self) -> Shop:
        return Shop(self.bundle, self._events, self._limits, self._depth)

    @cached_property
    def _calibrations(self) -> Calibrations:
        return Calibrations(self.bundle.run)

    @cached_property
    def _biographer(self) -> Biographer:
        return Biographer(self._shop)

    @cached_property
    def _analyst(self) -> Analyst:
        return Analyst(self.bundle)

    @cached_property
    def _responder(self) -> Responder:
        return Responder(self.bundle)

    @cached_property
    def _finder(self) -> Finder:
        return Finder(self._shop)

    @cached_property
    def _kinship(self) -> Kinship:
        return Kinship(self._shop)
