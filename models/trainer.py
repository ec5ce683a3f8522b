"""`run_fn` of the TFX Trainer: from transformed examples to a SavedModel."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import os
import resource
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models import (
    calibration,
    content,
    contract,
    feature_config,
    features,
    item_maker,
    item_rows_cost,
    item_table,
    leaks,
    lists,
    warmup,
)
from models.buckets import BatchShape, choose_shapes
from models.checkpoints import Checkpoints, Progress
from models.errors import InputError
from models.gsu_recall import gsu_recall
from models.importance import importance
from models.inputs import EmptySplitError, Layout, Split
from models.item_maker import ItemMaker
from models.json_text import without_nan
from models.loop import TrainingLoop, total_steps
from models.optimizers import build_optimizer
from models.preprocessing import feature_sizes
from models.registry import build_model
from models.signatures import ServingModule
from models.steps import Batch, Steps, has_gpu
from models.training_config import RunSettings, TrainingConfig
from models.validation import Validation

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs

TRAINING_JSON = "training.json"
GIB = 2**30
RECALL_USERS = 8  # whose GSU recall is measured; their scores must not rule the peak memory

log = logging.getLogger("everlong")


def run_fn(fn_args: FnArgs) -> None:
    """Trains the configured model and exports it.

    Reads `RunSettings` from `custom_config["config"]`. Keeps checkpoints in a folder of this very
    training below `custom_config["checkpoint_dir"]`, so that it goes on from there if it was
    killed; removes them when the model is exported. `custom_config["code"]`, a hash of the source,
    keeps other code from going on with them.

    Writes the SavedModel to `serving_model_dir`, and to `model_run_dir` `training.json` and the
    logs for TensorBoard.

    Args:
      fn_args: from TFX.
    """
    started = time.monotonic()
    settings = RunSettings.from_custom_config(fn_args.custom_config)
    config = settings.training
    transform_output = tft.TFTransformOutput(fn_args.transform_output)
    # Dropout then draws from a state of its own, which checkpoints can hold.
    tf.keras.backend.experimental.enable_tf_random_generator()
    _set_precision(config)
    items = _items(fn_args, transform_output, settings)
    sizes = feature_sizes(transform_output, settings, items, settings.labels)
    model = build_model(settings.model, sizes, settings.seed)
    match = settings.history.match if model.reads_match else None
    layout = Layout.of(sizes, match, model.reads_moments)
    train, validation = (
        _open_split(name, files, transform_output, layout, config)
        for name, files in (("train", fn_args.train_files), ("validation", fn_args.eval_files))
    )
    leaks.check(train, validation, settings.features, items)
    shapes = choose_shapes(
        np.concatenate([train.lengths, validation.lengths]),
        np.concatenate([train.targets, validation.targets]),
        config.batch_users,
        moments=(
            None
            if train.moments is None or validation.moments is None
            else np.concatenate([train.moments, validation.moments])
        ),
    )
    optimizer = build_optimizer(config, model, total_steps(config, train.steps(shapes)))
    steps = Steps(model, optimizer, config.jit_compile, config.clip_norm)
    log.info(
        "training %s on %s: %d examples, %d targets; XLA %s; batches of users x L x T: %s",
        settings.model.name,
        _device(),
        len(train.lengths),
        train.targets.sum(),
        "on" if steps.jit_compile else "off",
        ", ".join(f"{s.users} x {s.length} x {s.targets}" for s in shapes),
    )
    folder = os.path.join(fn_args.custom_config["checkpoint_dir"], _run_key(fn_args))
    checkpoints = Checkpoints(folder, model, optimizer, config.checkpoint_seconds)
    with contextlib.closing(tf.summary.create_file_writer(fn_args.model_run_dir)) as summaries:
        unknown = sizes.category - 1
        others = tuple(settings.labels.others)
        scored = Validation(validation, shapes, steps, settings.history, unknown, others)
        loop = TrainingLoop(
            config, settings.seed, steps, train, scored, shapes, checkpoints, summaries
        )
        progress = loop.run()
    owed = importance(model, steps, validation, shapes, settings, settings.seed)
    longest = _longest_users(validation, shapes)
    recall = gsu_recall(model, longest)
    cost = item_rows_cost.embed_all_items(model, config.item_rows, validation, shapes, longest)
    if cost:
        told_cost = ", ".join(f"{name} {value:.4f}" for name, value in cost.items())
        log.info("items' rows are exported as %s: %s", config.item_rows, told_cost)
    span = train.span if settings.history.clock else None
    calibrations = None
    primary, of_others = scored.predictions()
    context = tf.function(model.context, reduce_retracing=True)
    contexts = functools.cache(lambda: scored.contexts(context))
    if config.calibration != "none":
        calibrations = calibration.fit(config.calibration, primary, of_others, contexts)
    served = ServingModule(
        model, transform_output, settings.history, span, settings.features, calibrations
    )
    served.export(fn_args.serving_model_dir)
    if items is not None:
        maker = ItemMaker(model, transform_output, settings)
        maker.export(os.path.join(fn_args.serving_model_dir, item_maker.FOLDER))
    kept = progress.curve[(progress.best or progress.epoch) - 1]
    kept = kept | {"protocol": lists.SHORT[scored.protocol]}
    requests = contract.example_requests(served, transform_output, settings, train.span)
    given = calibration.calibrated(calibrations, primary, contexts)
    told = contract.of(served, transform_output, settings, train.span, kept, given, requests)
    lengths = {shape.length for shape in shapes}
    warmup.write(fn_args.serving_model_dir, requests, served.score_spec(), lengths)
    contract.write(fn_args.serving_model_dir, told)
    report = _report(progress, steps, time.monotonic() - started) | {
        "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        "shapes": [(shape.users, shape.length, shape.targets) for shape in shapes],
        "gsu_recall": recall,
        **({"item_rows": cost} if cost else {}),
        **({"importance": owed} if owed else {}),
        "validation_protocol": scored.protocol,
        "best_by": loop.best_by,
        "calibrations": calibration.told(calibrations),
    }
    tf.io.gfile.makedirs(fn_args.model_run_dir)
    with tf.io.gfile.GFile(os.path.join(fn_args.model_run_dir, TRAINING_JSON), "w") as file:
        file.write(json.dumps(report, indent=2))
    checkpoints.remove()


def _set_precision(config: TrainingConfig) -> None:
    """Makes layers that are built from now on compute in bfloat16, if so configured, on a GPU."""
    if config.mixed_precision and not has_gpu():
        log.warning("`training.mixed_precision` is ignored: there is no GPU; computing in float32")
    tf.keras.mixed_precision.set_global_policy(
        "mixed_bfloat16" if config.mixed_precision and has_gpu() else "float32"
    )


def _open_split(
    name: str,
    patterns: list[str],
    transform_output: tft.TFTransformOutput,
    layout: Layout,
    config: TrainingConfig,
) -> Split:
    try:
        return Split(
            _files(patterns),
            transform_output.transformed_feature_spec(),
            layout,
            int(config.cache_gib * GIB),
        )
    except EmptySplitError as error:
        raise InputError(
            f"the split `{name}` has no example: enlarge its share under `split`, or the log. "
            f"Its files: {patterns}"
        ) from error


def _items(
    fn_args: FnArgs, transform_output: tft.TFTransformOutput, settings: RunSettings
) -> features.ItemTable | None:
    """Reads what is known of items, which lies beside the split `train`."""
    if not feature_config.of("item", settings.features):
        return None
    return item_table.read(_files(_items_patterns(fn_args)), transform_output, settings)


def _items_patterns(fn_args: FnArgs) -> list[str]:
    split = os.path.dirname(fn_args.train_files[0])
    folder, name = os.path.split(split)
    return [os.path.join(folder, name.replace("train", features.ITEMS), "*")]


def _files(patterns: list[str]) -> list[str]:
    return [file for pattern in patterns for file in tf.io.gfile.glob(pattern)]


def _run_key(fn_args: FnArgs) -> str:
    """Returns what tells this training from any other: its settings, data and code.

    The data by content, not by path: a folder may move, and another Transform may write into it.
    """
    parts = [
        fn_args.custom_config["config"],
        fn_args.custom_config.get("code"),
        content.of_folder(fn_args.transform_output),
        *(
            content.of_files((file, os.path.dirname(file)) for file in _files(patterns))
            for patterns in (fn_args.train_files, fn_args.eval_files, _items_patterns(fn_args))
        ),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _device() -> str:
    if not has_gpu():
        return "CPU"
    gpu = tf.config.list_physical_devices("GPU")[0]
    return tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")


def _longest_users(split: Split, shapes: list[BatchShape]) -> Batch:
    """Returns a batch of a few of the users with the longest histories."""
    dataset, _ = next(split.batches(shapes, None))
    longest = max(dataset, key=lambda batch: batch[features.HISTORY_ITEM].shape[1])
    items = longest.pop(features.BATCH_ITEMS, None)  # of all users
    users = {name: values[:RECALL_USERS] for name, values in longest.items()}
    return users if items is None else users | {features.BATCH_ITEMS: items}


def _report(progress: Progress, steps: Steps, seconds: float) -> dict[str, Any]:
    return {
        "targets_per_second": progress.targets / max(progress.train_seconds, 1e-9),
        "steps": progress.step,
        "seconds": seconds,
        "compile_seconds": progress.compile_seconds,
        "epochs": progress.epoch,
        "best_epoch": progress.best,
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "jit_compile": {"device": _device(), "steps": steps.jit_compile},
        "programs": steps.programs,
        "curve": without_nan(progress.curve),
        "resumed_from_step": progress.resumed_from_step,
    }
