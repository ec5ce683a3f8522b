"""Training runs, on what Transform really writes: complete, resumed, stopped early, refused."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydantic
import pytest
import tensorflow as tf

from models import loop, trainer
from models.buckets import BatchShape
from models.checkpoints import Checkpoints, Progress
from models.config import ModelConfig
from models.features import FeatureSizes
from models.inputs import Layout, Split
from models.loop import TrainingLoop
from models.metric_table import COMPARED
from models.optimizers import build_optimizer
from models.registry import BUILDERS, build_model
from models.training_config import EarlyStoppingConfig, TrainingConfig
from models.validation import key
from tests.models.transformed import MATCH, Transformed

ROOT = Path(__file__).resolve().parents[2]
TRAINING = {"epochs": 4, "learning_rate": 0.01, "early_stopping": None}
KILLED_AT = 22  # of 60 steps: in the middle of the second epoch
KILLED = """
import json, os, signal, sys, types
sys.path.insert(0, sys.argv[1])
from models import steps, trainer
train, calls = steps.Steps.train, []

def killed(self, batch):
    calls.append(batch)
    if len(calls) > int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return train(self, batch)

steps.Steps.train = killed
trainer.run_fn(types.SimpleNamespace(**json.load(sys.stdin)))
"""


def report(folder: Path) -> dict:
    return json.loads((folder / "run" / trainer.TRAINING_JSON).read_text())


def weights(folder: Path) -> list[np.ndarray]:
    return [w.numpy() for w in tf.saved_model.load(str(folder / "serving")).weights]


@pytest.fixture(scope="module")
def trained(transformed, tmp_path_factory) -> Path:
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("trained")
    trainer.run_fn(transformed.fn_args(folder, TRAINING, dropout=0.1, id_dropout=0.1))
    return folder


@pytest.mark.parametrize(
    ("wanted", "gpu", "policy", "warned"),
    [
        (False, False, "float32", False),
        (False, True, "float32", False),
        (True, False, "float32", True),
        (True, True, "mixed_bfloat16", False),
    ],
)
def test_mixed_precision_without_a_gpu_is_said_to_be_ignored(
    wanted, gpu, policy, warned, monkeypatch
):
    messages: list[str] = []
    monkeypatch.setattr(trainer, "has_gpu", lambda: gpu)
    monkeypatch.setattr(trainer.log, "warning", messages.append)
    before = tf.keras.mixed_precision.global_policy()
    try:
        trainer._set_precision(TrainingConfig(mixed_precision=wanted))
        assert tf.keras.mixed_precision.global_policy().name == policy
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
    assert (
        messages
        == ["`training.mixed_precision` is ignored: there is no GPU; computing in float32"] * warned
    )


def test_a_run_is_complete(trained):
    result = report(trained)
    assert (result["steps"], result["epochs"], result["resumed_from_step"]) == (60, 4, None)
    assert result["jit_compile"] == {"device": "CPU", "steps": False}
    assert result["programs"] <= 12
    assert result["targets_per_second"] > 0
    assert result["seconds"] > 0
    assert result["peak_memory_mib"] > 0
    assert [entry["epoch"] for entry in result["curve"]] == [1, 2, 3, 4]
    assert result["curve"][-1]["loss"] < result["curve"][0]["loss"]
    assert result["curve"][-1]["validation_auc"] > 0.8  # clicks follow the item's parity
    assert set(result["curve"][0]) == {"epoch", "loss", *map(key, COMPARED)}
    assert (result["validation_protocol"], result["best_by"]) == ("request", None)
    # A SavedModel holds all weights where no item has features, each once for each signature.
    served = {w.ref(): w for w in tf.saved_model.load(str(trained / "serving")).weights}
    assert result["parameters"] == sum(w.numpy().size for w in served.values() if w.trainable)
    assert list(result["importance"]) == ["dwell"]
    assert result["calibrations"] is None
    assert list((trained / "run").glob("events*"))
    assert not list((trained / "checkpoints").iterdir())


def test_a_killed_run_goes_on_at_the_same_step(transformed, trained, tmp_path):
    args = transformed.fn_args(
        tmp_path, TRAINING | {"checkpoint_seconds": 1e-3}, dropout=0.1, id_dropout=0.1
    )
    fields = {name: value for name, value in vars(args).items() if value is not None}
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(ROOT), str(KILLED_AT)],
        input=json.dumps(fields),
        text=True,
        cwd=tmp_path,
    )
    assert died.returncode == -9
    assert not (tmp_path / "serving").exists()

    trainer.run_fn(args)
    result, whole = report(tmp_path), report(trained)
    assert result["resumed_from_step"] == KILLED_AT
    assert result["steps"] == whole["steps"]
    for ours, theirs in zip(result["curve"], whole["curve"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    for ours, theirs in zip(weights(tmp_path), weights(trained), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_other_settings_or_data_do_not_resume(transformed, tmp_path):
    args = transformed.fn_args(tmp_path, TRAINING)
    keys = {trainer._run_key(args)}
    keys.add(trainer._run_key(transformed.fn_args(tmp_path, TRAINING, dropout=0.2)))
    keys.add(trainer._run_key(transformed.fn_args(tmp_path, TRAINING | {"epochs": 5})))
    args.train_files = ["elsewhere/*"]
    keys.add(trainer._run_key(args))
    args.custom_config["code"] = "other"
    keys.add(trainer._run_key(args))
    assert len(keys) == 5


def test_a_checkpoint_belongs_to_the_content_of_one_transform_output(transformed, tmp_path):
    args = transformed.fn_args(tmp_path, TRAINING)
    before = trainer._run_key(args)
    copy = shutil.copytree(args.transform_output, tmp_path / "copy")
    args.transform_output = str(copy)
    assert trainer._run_key(args) == before
    vocabulary = next(path for path in copy.rglob("assets/*") if path.is_file())
    lines = vocabulary.read_bytes().splitlines()
    vocabulary.write_bytes(b"\n".join([*reversed(lines), b""]))
    assert trainer._run_key(args) != before


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_every_model_has_checkpoints(name, tmp_path):
    config = pydantic.TypeAdapter(ModelConfig).validate_python({"name": name})
    tf.keras.backend.experimental.enable_tf_random_generator()
    model = build_model(config, FeatureSizes(9, 5, {"behavior": 4}), seed=0)
    optimizer = build_optimizer(TrainingConfig(), model, total_steps=1)
    tables = {table.ref() for table in model.embedding_variables}
    assert tables
    assert {v.ref() for v in model.trainable_variables} > tables
    checkpoints = Checkpoints(str(tmp_path), model, optimizer, 1e9)
    checkpoints.save(Progress(step=3))
    before = [v.numpy() for v in model.variables]
    for variable in model.variables:
        variable.assign(tf.zeros_like(variable))
    assert checkpoints.restore() == Progress(step=3, resumed_from_step=3)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_xla(transformed, tmp_path):
    training = {"max_steps": 2, "jit_compile": "on", "optimizer": "adagrad", "clip_norm": 1.0}
    training |= {"weight_decay": 0.01, "calibration": "isotonic"}
    trainer.run_fn(transformed.fn_args(tmp_path, training))
    result = report(tmp_path)
    assert (result["steps"], result["epochs"]) == (2, 1)
    assert result["jit_compile"]["steps"] is True
    (calibration,) = result["calibrations"]
    assert len(calibration["knots"]) == len(calibration["values"]) > 0
    told = json.loads((tmp_path / "serving" / "everlong_model.json").read_text())
    assert told["signatures"]["serving_default"]["outputs"] == ["probability", "logit"]


def test_an_empty_split_is_named(transformed, tmp_path):
    args = transformed.fn_args(tmp_path, TRAINING)
    args.eval_files = [str(tmp_path / "nothing-*")]
    with pytest.raises(ValueError, match="the split `validation` has no example"):
        trainer.run_fn(args)


@dataclasses.dataclass
class CountingSteps:
    """Stands for `Steps`: a model whose only weight counts the steps."""

    model: tf.keras.Sequential
    loss: float = 1.0
    programs: int = 0

    def train(self, batch):
        self.model.weights[0].assign_add([[1.0]])
        return tf.constant(self.loss), tf.constant(2)


class Killed(BaseException):
    """Stands for the end of the process."""


@dataclasses.dataclass
class Scripted:
    """Stands for `Validation`: scripted AUCs, and losses."""

    aucs: Iterator[float]
    losses: Iterator[float]
    undefined: frozenset[str] = frozenset()
    protocol: str = "frozen"
    targets: int = 410
    clicks: int = 0
    labels: tuple[str, ...] = ()

    def __call__(self):
        scripted = {"auc": next(self.aucs), "logloss": next(self.losses)}
        if scripted["auc"] is KILLED_BEFORE:
            raise Killed
        return {key(name): scripted.get(name, 0.5) for name in COMPARED}


KILLED_BEFORE = object()  # the validation


@pytest.fixture
def run_loop(transformed: Transformed, tmp_path):
    """Runs the loop with scripted validation AUCs; returns (progress, the weight)."""
    spec = transformed.output.transformed_feature_spec()
    split = Split(tf.io.gfile.glob(transformed.files("train")), spec, Layout(MATCH), 2**30)
    shapes = [BatchShape(40, 32, 8)]  # 3 steps in an epoch

    def run(
        aucs: list[float], loss: float = 1.0, losses=None, undefined=(), every=1e9, **settings
    ) -> tuple[Progress, float]:
        losses = itertools.repeat(0.5) if losses is None else iter(losses)
        scripted = Scripted(iter(aucs), losses, frozenset(undefined))
        model = tf.keras.Sequential([tf.keras.layers.Dense(1, use_bias=False)])
        model.build([None, 1])
        model.weights[0].assign([[0.0]])
        optimizer = tf.keras.optimizers.legacy.SGD()
        checkpoints = Checkpoints(str(tmp_path / "checkpoints"), model, optimizer, every)
        progress = TrainingLoop(
            TrainingConfig(**settings),
            0,
            CountingSteps(model, loss),
            split,
            scripted,
            shapes,
            checkpoints,
            tf.summary.create_noop_writer(),
        ).run()
        return progress, float(model.weights[0].numpy()[0, 0])

    return run


def test_early_stopping_restores_the_best_epoch(run_loop):
    stopping = EarlyStoppingConfig(patience=2)
    progress, weight = run_loop([0.6, 0.7, 0.65, 0.7, 0.9], epochs=9, early_stopping=stopping)
    assert (progress.epoch, progress.best, progress.step) == (4, 2, 12)
    assert weight == 6  # of the end of epoch 2


def test_without_early_stopping_the_last_weights_stay(run_loop):
    progress, weight = run_loop([0.7, 0.6, 0.5], epochs=3, early_stopping=None)
    assert (progress.epoch, progress.best, weight) == (3, None, 9)


def test_where_the_metric_is_undefined_it_is_said_at_once_and_the_loss_chooses(run_loop, caplog):
    with caplog.at_level("WARNING", "everlong"):
        progress, weight = run_loop(
            [float("nan")] * 4, losses=[0.6, 0.5, 0.7, 0.4], undefined=["auc", "gauc"], epochs=4
        )
    assert (progress.epoch, progress.best, weight) == (3, 2, 6)
    assert (
        "the validation split, 410 targets with 0 clicks, does not define AUC, GAUC; early "
        "stopping goes by the loss, not by AUC: enlarge split.validation"
    ) in caplog.text


def test_scores_that_are_no_numbers_never_choose_an_epoch(run_loop):
    nan = float("nan")
    progress, weight = run_loop([nan, nan, nan], losses=[nan] * 3, epochs=3)
    assert (progress.epoch, progress.best, weight) == (3, None, 9)


@pytest.mark.parametrize("settings", [{"epochs": 2}, {"epochs": 9, "max_steps": 4}])
def test_a_run_killed_between_the_last_step_and_its_validation_validates(run_loop, settings):
    with pytest.raises(Killed):
        run_loop([0.6, KILLED_BEFORE], every=0, **settings)
    progress, _ = run_loop([0.7], **settings)
    assert progress.resumed_from_step == progress.step == settings.get("max_steps", 6)
    assert [entry["validation_auc"] for entry in progress.curve] == [0.6, 0.7]
    assert (progress.epoch, progress.best, progress.epoch_step) == (2, 2, 0)


def test_max_steps_ends_within_an_epoch(run_loop):
    progress, weight = run_loop([0.6, 0.7], epochs=9, max_steps=4)
    assert (progress.step, progress.epoch, weight) == (4, 2, 4)


def test_a_finished_run_does_not_train_again(run_loop):
    run_loop([0.6, 0.5], epochs=3)
    progress, weight = run_loop([], epochs=3)
    assert (progress.step, progress.resumed_from_step, weight) == (6, 6, 3)


def test_a_loss_that_is_no_number_stops_the_run(run_loop):
    with pytest.raises(FloatingPointError, match=r"lower `training\.learning_rate`"):
        run_loop([0.5], loss=float("nan"))


def test_progress_is_logged(run_loop, caplog, monkeypatch):
    monkeypatch.setattr(loop, "LOG_SECONDS", 0.0)
    with caplog.at_level("INFO", "everlong"):
        run_loop([0.6], epochs=1)
    assert "epoch 1/1  step 1/3  loss 0.5000" in caplog.text
    assert "targets/s" in caplog.text
    assert "AUC 0.6000  GAUC (frozen histories) 0.5000  LogLoss 0.5000" in caplog.text
