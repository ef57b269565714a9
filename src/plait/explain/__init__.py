"""Why a model does what it does: the angles between its tasks' gradients, and what a step for one task does to others."""

from plait.explain.conflict import lookahead, transfer
from plait.explain.gradients import Rows, TaskGradients, task_gradients

__all__ = ["Rows", "TaskGradients", "lookahead", "task_gradients", "transfer"]
