"""The scored targets that the gate judges."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa

from components.scoring import predictions
from models.lists import Protocol
from models.metrics import Predictions
from models.replicas import effective, users_of_both


@dataclasses.dataclass(frozen=True)
class Scored:
    """Targets scored by the candidate, and by the latest blessed model if there is one.

    Attributes:
      labels: [N] in {0, 1}.
      candidate: [N] probabilities.
      baseline: [N] probabilities, or None.
      users: [N], whose target it is.
      requests: [N] int64, equal within a user for what was shown together.
      frozen, baseline_frozen: [N] the two models' probabilities on frozen histories, or None: then
        requests tell what is compared within users; see `models.lists`.
      drawn: negatives that were drawn for each positive; 0: labels are the log's.
      slices: [N] values by slicing feature.
      weights: [N] how much each counts, or None: all alike.
    """

    labels: np.ndarray
    candidate: np.ndarray
    baseline: np.ndarray | None
    users: np.ndarray
    requests: np.ndarray
    frozen: np.ndarray | None = None
    baseline_frozen: np.ndarray | None = None
    drawn: int = 0
    slices: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    weights: np.ndarray | None = None

    @classmethod
    def from_table(
        cls, table: pa.Table, slices: list[str], drawn: int, label: str | None = None
    ) -> Scored:
        """Takes the columns of a predictions table.

        Args:
          table: the table.
          slices: which features to slice by.
          drawn: negatives that were drawn for each positive.
          label: one beside the primary one, whose scores are taken of targets for which it is
            known; None: the primary one.
        """
        if label is not None:
            table = predictions.for_label(table, label)

        def column(name: str) -> np.ndarray:
            return table.column(name).to_numpy()

        def optional(name: str) -> np.ndarray | None:
            return column(name) if name in table.column_names else None

        return cls(
            column(predictions.LABEL),
            column(predictions.SCORE),
            optional(predictions.BASELINE_SCORE),
            np.unique(column(predictions.USER), return_inverse=True)[1],
            column(predictions.REQUEST),
            optional(predictions.FROZEN),
            optional(predictions.BASELINE_FROZEN),
            drawn,
            {name: column(name) for name in slices},
            optional(predictions.WEIGHT),
        )

    def where(self, rows: np.ndarray) -> Scored:
        """The targets of a mask [N], or of indices."""
        of_targets = {
            field.name: values[rows]
            for field in dataclasses.fields(self)
            if isinstance(values := getattr(self, field.name), np.ndarray)
        }
        slices = {name: values[rows] for name, values in self.slices.items()}
        return dataclasses.replace(self, **of_targets, slices=slices)

    @property
    def models(self) -> list[Predictions]:
        """Scores of the candidate, and of the latest blessed model if there is one."""
        scores = [(self.candidate, self.frozen)]
        if self.baseline is not None:
            scores.append((self.baseline, self.baseline_frozen))
        return [
            Predictions(self.labels, score, self.users, self.requests, frozen, self.weights)
            for score, frozen in scores
        ]

    @property
    def protocol(self) -> Protocol:
        """How targets of a user are compared."""
        return self.models[0].protocol

    @property
    def effective_users(self) -> float:
        """Kish's effective number: that of equally large users who would tell as much."""
        return effective(np.unique(self.users, return_counts=True)[1])

    @property
    def users_of_both(self) -> float:
        """Likewise, of those with the rarer label, on whom an AUC stands."""
        return users_of_both(self.labels > 0.5, self.users, self.weights)
