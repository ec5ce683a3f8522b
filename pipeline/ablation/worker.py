"""One run of a study, in a process of its own: trains as the pipeline's Trainer does, and scores.

`python -m pipeline.ablation.worker FOLDER THREADS`; the folder holds `job.json`, see `job.Job`.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.plain_folder import plain
from components.scoring import by_user
from components.scoring.exported_model import blocks
from models import features
from models.memory import peak_memory_mib
from models.trainer import TRAINING_JSON, run_fn
from pipeline.ablation.job import FROZEN, RESULT, SCORES, Job


def train(job: Job, folder: Path) -> dict[str, Any]:
    """Trains and exports as the pipeline does; returns `training.json`.

    A run that was killed goes on from its last checkpoint.
    """
    run_fn(
        types.SimpleNamespace(  # type: ignore[arg-type]  # what is read of it
            transform_output=job.transform,
            train_files=[f"{job.examples}/Split-train/*"],
            eval_files=[f"{job.examples}/Split-validation/*"],
            custom_config={
                "config": job.settings,
                "code": job.key,
                "checkpoint_dir": str(folder / "checkpoints"),
            },
            model_run_dir=str(folder / "model_run"),
            serving_model_dir=str(folder / "model"),
        )
    )
    return json.loads((folder / "model_run" / TRAINING_JSON).read_text(encoding="utf-8"))


def score(model: Any, evaluation: str) -> np.ndarray:
    """Scores packed examples with an exported model.

    Args:
      model: loaded SavedModel.
      evaluation: gzipped TFRecord file of packed raw examples.

    Returns:
      [N] float32, in the order of their targets.
    """
    serve = model.signatures[features.SERVING_DEFAULT]
    records = np.array(list(itertools.chain.from_iterable(blocks(evaluation))), object)
    return by_user.score_packed(
        lambda rows: serve(examples=tf.constant(rows))[features.PROBABILITY].numpy(),
        records,
        np.array([_targets(record) for record in records]),
    )


def _targets(record: bytes) -> int:
    feature = tf.train.Example.FromString(record).features.feature
    return len(feature[features.TARGET_TIME].int64_list.value)


def main(folder: Path, threads: int) -> None:
    """Runs the job of a folder; `result.json`, written last, says that it is complete."""
    # TensorFlow takes paths of checkpoints and models for patterns.
    folder = Path(plain(str(folder)))
    job = Job.model_validate_json((folder / "job.json").read_text(encoding="utf-8"))
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    training, memory = train(job, folder), peak_memory_mib()
    model = tf.saved_model.load(str(folder / "model"))
    np.save(folder / SCORES, score(model, job.evaluation))
    if job.frozen:
        np.save(folder / FROZEN, score(model, job.frozen))
    result = {
        "training": training,
        "parameters": training["parameters"],
        "peak_memory_mib": memory,
    }
    aside = folder / f"{RESULT}.partial"
    aside.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    os.replace(aside, folder / RESULT)
    for leftover in ("model", "model_run", "checkpoints"):
        shutil.rmtree(folder / leftover, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
