"""A run of a study, as it is handed to a process, and the result that comes back."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any, Self

import numpy as np
import pydantic

RESULT = "result.json"  # written last: where it is, the run is complete
SCORES, FROZEN = "scores.npy", "frozen.npy"
LOG = "log.txt"


class Job(pydantic.BaseModel):
    """One variant with one seed.

    Attributes:
      name: for progress.
      data_key: digest of the data, see `data.Prepared`.
      transform: folder of Transform's graph.
      examples: folder of the transformed examples.
      evaluation: gzipped TFRecord file of packed raw examples.
      frozen: likewise, of examples with frozen histories; "" where metrics need none.
      settings: JSON of the Trainer's `RunSettings`.
      code: digest of the source that trains and scores.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    name: str
    data_key: str
    transform: str
    examples: str
    evaluation: str
    frozen: str
    settings: str
    code: str

    @property
    def key(self) -> str:
        """Digest of settings, data and code: two runs of one key would give the same result."""
        parts = [self.settings, self.data_key, self.code]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Result:
    """What a finished run left.

    Attributes:
      training: the Trainer's `training.json`.
      parameters: trainable weights.
      peak_memory_mib: of the process, up to the end of training.
      scores: [N] float32, of the targets of the eval split.
      frozen: [N] likewise, with frozen histories, in the order of their file; or None.
    """

    training: dict[str, Any]
    parameters: int
    peak_memory_mib: float
    scores: np.ndarray
    frozen: np.ndarray | None = None

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The result in a run's folder; None if the run did not finish."""
        if not (folder / RESULT).exists():
            return None
        facts = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        frozen = np.load(folder / FROZEN) if (folder / FROZEN).exists() else None
        return cls(**facts, scores=np.load(folder / SCORES), frozen=frozen)
