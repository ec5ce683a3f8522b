"""`everlong bench train`: a real training run on the configuration's data, input included.

For each --length the pipeline runs up to Transform with `history.max_length` = L, in a folder of
its own below --work-dir, which is used again where nothing changed. Then `run_fn`, as the Trainer
calls it, trains each model in a process of its own, so that its peak memory is that model's.
Targets per second are those of the steps whose programs were compiled before, reading and padding
of the batches included; validation and export are not.

A row is one epoch: `--set training.epochs=N` or `--set training.max_steps=N` change that. Where no
history is as long as L, `longest` says how long they get: `everlong bench models` measures such
lengths on random batches.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.config import MODELS
from models.memory import peak_memory_mib
from pipeline import result_file
from pipeline.bench import arguments, runs
from pipeline.config import Config
from pipeline.terminal.console import Terminal, quiet
from pipeline.terminal.log_check import check_log

SUMMARY = "a real training run on the configuration's data, input included"
COLUMNS = {
    "model": "model",
    "length": "L",
    "longest": "longest",
    "targets_per_second": "targets/s",
    "peak_memory_mib": "peak MiB",
    "compile_seconds": "compile s",
    "programs": "programs",
    "steps": "steps",
    "validation_auc": "val. AUC",
}
ONE_EPOCH = ("training.epochs=1", "training.early_stopping=null")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_measured(parser, MODELS, "the configuration's own", rounds=1)


def execute(parsed: argparse.Namespace) -> int:
    parsed.overrides = [*ONE_EPOCH, *parsed.overrides]
    configs = arguments.configs(parsed)
    result_file.check_writable(parsed.json)
    check_log(configs[0].ingest)
    lengths = parsed.lengths or [configs[0].history.max_length]
    work = parsed.work_dir.resolve()
    with quiet(work / "log.txt") as terminal:
        with terminal.running("loading TensorFlow and TFX"):
            from pipeline import failures, local_runner
        jobs = []
        for length in lengths:
            at_length = [arguments.with_length(config, length) for config in configs]
            terminal.line(f"data of {configs[0].name} with histories of {length:,}")
            folder = work / f"{configs[0].name}_{length}"
            try:
                data = prepare(at_length[0], folder, terminal)
            except local_runner.ComponentFailed as error:
                return failures.explain(error, work / "log.txt", terminal)
            jobs += [runs.Job(config, length, data) for config in at_length]
    return runs.execute(parsed, "pipeline.bench.train:measure", jobs, parsed.rounds, COLUMNS)


def prepare(config: Config, folder: Path, terminal: Terminal) -> dict[str, str]:
    """Runs the pipeline up to Transform in `folder`; returns where its outputs are.

    Raises:
      ComponentFailed: if a component raised.
    """
    from pipeline.local_runner import run_to_transform

    outputs = run_to_transform(config, folder, terminal)["Transform"]
    return {
        "transform": outputs["transform_graph"].uri,
        "examples": outputs["transformed_examples"].uri,
    }


def measure(job: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the row of one model and length; called in a process of its own."""
    from models.trainer import TRAINING_JSON, run_fn
    from pipeline.pipeline import trainer_config

    config = runs.config_of(job)
    with tempfile.TemporaryDirectory(prefix="everlong-bench-") as folder:
        run_fn(
            types.SimpleNamespace(  # type: ignore[arg-type]  # what is read of it
                transform_output=job["transform"],
                train_files=[f"{job['examples']}/Split-train/*"],
                eval_files=[f"{job['examples']}/Split-validation/*"],
                custom_config=trainer_config(config, checkpoints=f"{folder}/checkpoints"),
                model_run_dir=f"{folder}/run",
                serving_model_dir=f"{folder}/model",
            )
        )
        report = json.loads(Path(folder, "run", TRAINING_JSON).read_text(encoding="utf-8"))
    return {
        "model": config.model.name,
        "length": job["length"],
        "longest": max(length for _, length, _ in report["shapes"]),
        "targets_per_second": report["targets_per_second"],
        "peak_memory_mib": peak_memory_mib(),
        "compile_seconds": report["compile_seconds"],
        "programs": report["programs"],
        "shapes": report["shapes"],
        "steps": report["steps"],
        "jit": report["jit_compile"]["steps"],
        "validation_auc": report["curve"][-1]["validation_auc"],
    }
