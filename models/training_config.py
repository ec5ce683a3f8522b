"""The settings of a training run: the `training` section, and all that the Trainer is handed."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from models.config import ModelConfig
from models.features import Store
from models.label_config import ONE_LABEL, LabelTasks
from models.metric_table import RANKING, name_checked
from models.section import Section
from models.settings import HistorySettings, PreprocessingSettings


class EarlyStoppingConfig(Section):
    """When to stop before the last epoch; the best weights are restored either way."""

    metric: Annotated[str, pydantic.AfterValidator(name_checked((*RANKING, "loss")))] = Field(
        "auc",
        description=f"Validation metric ({', '.join(RANKING)}, loss) that decides which epoch was "
        "the best; where the validation split does not define it, the loss does.",
    )
    patience: int = Field(
        1,
        ge=1,
        le=1_000_000,
        description="Epochs without a better metric after which training stops.",
    )


class ScheduleConfig(Section):
    """How the learning rate moves over the steps."""

    warmup_steps: int = Field(
        0,
        ge=0,
        le=10**9,
        description="Steps over which the learning rate rises from 0 to its value.",
    )
    decay: Literal["none", "linear", "cosine"] = Field(
        "cosine", description="How the rate falls from its value to 0 over the steps of the run."
    )


class TrainingConfig(Section):
    """How a model is trained."""

    batch_users: int = Field(
        16,
        ge=1,
        le=1_000_000,
        description="Users per step; of users with few targets a step takes more, so that "
        "every step sees about batch_users x targets_per_example targets.",
    )
    epochs: int = Field(
        3, ge=1, le=1_000_000, description="Passes over the training split, at most."
    )
    max_steps: int | None = Field(
        None,
        ge=1,
        le=10**12,
        description="Steps after which training ends; null: after the last epoch.",
    )
    optimizer: Literal["lazy_adam", "adagrad"] = Field(
        "lazy_adam",
        description="What updates the embedding tables, touched rows only; the rest is Adam's.",
    )
    learning_rate: float = Field(
        2e-3,
        gt=0,
        le=1e3,
        description="Of Adam, and of the tables under lazy_adam. Among 0.001, 0.002 and 0.004 it "
        "was best on MovieLens-1M, 0.004 on smaller logs (docs/findings.md).",
    )
    adagrad_learning_rate: float = Field(
        0.05, gt=0, le=1e3, description="Of the tables under adagrad (0.05 in the TWIN paper)."
    )
    schedule: ScheduleConfig = Field(
        ScheduleConfig(), description="How the learning rates move over the steps."
    )
    clip_norm: float | None = Field(
        None,
        gt=0,
        le=1e9,
        description="Global gradient norm above which gradients are scaled down.",
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1e3,
        description="Share of a weight, times the learning rate, that a step takes off; "
        "in embedding tables of the touched rows only.",
    )
    early_stopping: EarlyStoppingConfig | None = Field(
        EarlyStoppingConfig(), description="When to stop early; null: train all epochs."
    )
    calibration: Literal["none", "platt", "isotonic", "umc"] = Field(
        "none",
        description="What turns trained logits into rates, fitted on the validation split and "
        "exported with the model: platt (a straight line), isotonic (a rising line), which keep "
        "the order of targets; umc (a rising curve for each length of history, category, user's "
        "and request's features; arXiv 2504.14243). `logit` tells the logit as it was.",
    )
    jit_compile: Literal["auto", "on", "off"] = Field(
        "auto", description="XLA compilation of the training step; auto: on for a GPU only."
    )
    mixed_precision: bool = Field(
        False,
        description="Compute in bfloat16 on a GPU; ignored on a CPU, which a warning says.",
    )
    item_rows: Store = Field(
        "float32",
        description="How the exported model holds items' rows: bfloat16 takes half the memory, "
        "int8 a quarter. What that costs in AUC and recall is in training.json and the log.",
    )
    checkpoint_seconds: float = Field(
        60.0,
        gt=0,
        le=1e9,
        description="Seconds between checkpoints from which a killed run resumes.",
    )
    cache_gib: float = Field(
        4.0,
        gt=0,
        le=1e6,
        description="Memory for parsed examples; a larger split is read in parts of this size, "
        "in every epoch again.",
    )


class RunSettings(PreprocessingSettings):
    """What the Trainer must know."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    model: ModelConfig = Field(..., description="The model and its hyper-parameters.")
    training: TrainingConfig = Field(TrainingConfig(), description="How it is trained.")
    seed: int = Field(0, ge=0, lt=2**31, description="Of initial weights, shuffling and dropout.")
    history: HistorySettings = Field(..., description="How the examples were cut.")
    labels: LabelTasks = Field(ONE_LABEL, description="What the model predicts.")
    drawn_negatives: int = Field(
        0, ge=0, le=100, description="Negatives drawn for each positive; 0: labels are the log's."
    )
    split: dict[str, str] = Field(
        {},
        description="How targets were divided, setting by setting: later models must be judged on "
        "the same part.",
    )
    before: dict[str, str] = Field(
        {}, description="Of item, category and behavior what the log's column cuts its ids before."
    )
