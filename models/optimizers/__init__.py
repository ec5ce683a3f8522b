"""Optimizers whose step costs as much as the rows that it touches, whatever the table's size."""

from models.optimizers.build import build_optimizer
from models.optimizers.gradients import clip_by_global_norm, sum_duplicates
from models.optimizers.lazy_adam import LazyAdam
from models.optimizers.row_adagrad import RowAdagrad
from models.optimizers.schedule import WarmupDecay

__all__ = [
    "LazyAdam",
    "RowAdagrad",
    "WarmupDecay",
    "build_optimizer",
    "clip_by_global_norm",
    "sum_duplicates",
]
