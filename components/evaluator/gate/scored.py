"""The scored targets that the gate judges."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa

from components.scoring import predictions


@dataclasses.dataclass(frozen=True)
class Scored:
    """Targets scored by the candidate, and by the latest blessed model if there is one.

    Attributes:
      labels: [N] in {0, 1}.
      candidate: [N] probabilities.
      baseline: [N] probabilities, or None.
      users: [N], whose target it is.
      slices: [N] values by slicing feature.
    """

    labels: np.ndarray
    candidate: np.ndarray
    baseline: np.ndarray | None
    users: np.ndarray
    slices: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_table(cls, table: pa.Table, slices: list[str]) -> Scored:
        """Takes the columns of a predictions table."""

        def column(name: str) -> np.ndarray:
            return table.column(name).to_numpy()

        compared = predictions.BASELINE_SCORE in table.column_names
        return cls(
            column(predictions.LABEL),
            column(predictions.SCORE),
            column(predictions.BASELINE_SCORE) if compared else None,
            np.unique(column(predictions.USER), return_inverse=True)[1],
            {name: column(name) for name in slices},
        )

    def where(self, rows: np.ndarray) -> Scored:
        """The targets of a mask [N], or of indices."""
        return Scored(
            self.labels[rows],
            self.candidate[rows],
            None if self.baseline is None else self.baseline[rows],
            self.users[rows],
            {name: values[rows] for name, values in self.slices.items()},
        )

    @property
    def effective_users(self) -> float:
        """Kish's effective number: that of equally large users who would tell as much."""
        sizes = np.unique(self.users, return_counts=True)[1].astype(np.float64)
        return float(sizes.sum() ** 2 / (sizes**2).sum()) if len(sizes) else 0.0
