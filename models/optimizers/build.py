"""The optimizer of a training run: one for the tables, one for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf
import tensorflow_recommenders as tfrs

from models.optimizers.lazy_adam import LazyAdam
from models.optimizers.row_adagrad import RowAdagrad
from models.optimizers.schedule import WarmupDecay
from models.training_config import TrainingConfig

if TYPE_CHECKING:
    from models.base import CtrModel


def build_optimizer(
    config: TrainingConfig, model: CtrModel, total_steps: int
) -> tfrs.experimental.optimizers.CompositeOptimizer:
    """Returns the configured optimizer with its slots built, so that a checkpoint restores all.

    Args:
      config: which optimizer, its learning rates, schedule and weight decay.
      model: built; `model.embedding_variables` are the tables.
      total_steps: of the run, where a decaying learning rate reaches 0.
    """

    def schedule(peak: float) -> WarmupDecay:
        return WarmupDecay(peak, config.schedule.warmup_steps, config.schedule.decay, total_steps)

    tables = list(model.embedding_variables)
    table_refs = {table.ref() for table in tables}
    rest = [v for v in model.trainable_variables if v.ref() not in table_refs]
    if config.optimizer == "adagrad":
        sparse = RowAdagrad(schedule(config.adagrad_learning_rate), decay=config.weight_decay)
    else:
        sparse = LazyAdam(schedule(config.learning_rate), decay=config.weight_decay)
    dense = tf.keras.optimizers.Adam(
        schedule(config.learning_rate), weight_decay=config.weight_decay or None, jit_compile=False
    )
    # Biases, and the scales and offsets of LayerNorm: pulled to 0 they would fit less, not simpler.
    dense.exclude_from_weight_decay([v for v in rest if v.shape.rank < 2])
    sparse.build(tables)
    dense.build(rest)
    return tfrs.experimental.optimizers.CompositeOptimizer(
        [(sparse, tables.copy), (dense, rest.copy)]
    )
