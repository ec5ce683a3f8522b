"""The data of a study: the pipeline's own steps up to Transform, and the eval split packed."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.behavior_example_gen.check import fingerprint
from components.scoring.exported_model import blocks
from pipeline.ablation.pack import FROZEN_ORDER, pack
from pipeline.config import Config
from pipeline.fingerprints import code
from pipeline.local_runner import run_to_transform
from pipeline.terminal.console import Terminal

_GZIP = tf.io.TFRecordOptions("GZIP", compression_level=1)


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What every run on a data set reads.

    Attributes:
      key: digest of the log, of what was made of it, and by which code.
      transform: folder of Transform's graph.
      examples: folder of the transformed examples.
      evaluation: gzipped TFRecord file of the packed raw examples of the eval split.
      frozen: likewise with frozen histories; there is no such file where metrics need none.
      targets: npz file of their targets, in the same order; see `pack`.
    """

    key: str
    transform: str
    examples: str
    evaluation: str
    frozen: str
    targets: str

    def read_targets(self) -> dict[str, np.ndarray]:
        """Returns the columns of `targets`."""
        with np.load(self.targets) as columns:
            return dict(columns)

    def is_packed(self) -> bool:
        """Whether `evaluation`, `frozen` and `targets` are there; each appears whole."""
        if not (Path(self.targets).exists() and Path(self.evaluation).exists()):
            return False
        with np.load(self.targets) as columns:
            return FROZEN_ORDER not in columns or Path(self.frozen).exists()


def prepare(config: Config, folder: Path, terminal: Terminal) -> Prepared:
    """Runs the pipeline up to Transform, with TFX's cache, and packs the eval split.

    Args:
      config: of which `log`, `features`, `tables`, `label`, `history` and `split` count.
      folder: of this data set alone; a second call in it reuses what did not change.
      terminal: where progress goes.

    Raises:
      ComponentFailed: if a component raised.
    """
    found = run_to_transform(config, folder, terminal)
    raw = Path(found["BehaviorExampleGen"]["examples"].uri)
    parts = [
        config.ingest.model_dump_json(),
        fingerprint(config.ingest),
        code(
            "components.behavior_example_gen.executor",
            "models.preprocessing",
            "pipeline.ablation.pack",
        ),
    ]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    prepared = Prepared(
        key=key,
        transform=found["Transform"]["transform_graph"].uri,
        examples=found["Transform"]["transformed_examples"].uri,
        evaluation=str(folder / f"eval-{key}.gz"),
        frozen=str(folder / f"frozen-{key}.gz"),
        targets=str(folder / f"eval-{key}.npz"),
    )
    if not prepared.is_packed():
        with terminal.running("      packing the eval split"):
            _pack(sorted(raw.glob("Split-eval/*")), prepared)
    return prepared


def _pack(files: list[Path], prepared: Prepared) -> None:
    """Writes `evaluation`, `frozen` and `targets`, each aside, so that none is ever half there."""
    found = pack(itertools.chain.from_iterable(blocks(str(file)) for file in files))
    targets: dict[str, Any] = found.targets  # as numpy's `savez` is typed
    _write(prepared.evaluation, found.examples)
    if found.frozen is not None:
        _write(prepared.frozen, found.frozen.serialized)
        targets = targets | {FROZEN_ORDER: found.frozen.order}
    with _aside(prepared.targets) as aside, open(aside, "wb") as file:
        np.savez_compressed(file, **targets)


def _write(path: str, examples: Iterable[bytes]) -> None:
    with _aside(path) as aside, tf.io.TFRecordWriter(aside, _GZIP) as writer:
        for example in examples:
            writer.write(example)


@contextlib.contextmanager
def _aside(path: str) -> Iterator[str]:
    """Where a file is written before it appears; nobody else writes in this folder."""
    aside = f"{path}.partial"
    yield aside
    os.replace(aside, path)
