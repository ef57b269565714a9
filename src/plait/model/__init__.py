"""Encode the rows, share, predict: the parts of a model in the order in which data pass."""

from plait.model.encoder import Encoder, HistoryRole
from plait.model.multi_task import MultiTaskModel
from plait.model.task_texts import TaskTexts

__all__ = ["Encoder", "HistoryRole", "MultiTaskModel", "TaskTexts"]
