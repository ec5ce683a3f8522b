"""The few static shapes to which batches are padded.

Every new shape costs a compilation, every padded target and behaviour costs time. L is rounded up
to powers of two, T to multiples of 8, or either to a size that many examples share (windows that
slide by a fixed step make such), and the resulting shapes merged, cheapest first, until few are
left.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

MAX_SHAPES = 6  # training and validation compile one program for each
LENGTHS = 2 ** np.arange(6, 63)
TARGETS_STEP = 8
COMMON = 0.05  # share of the examples that makes a size worth a shape of its own
MAX_BEHAVIORS = 2**20  # of a batch that takes more users because each has few targets
# What a target costs besides its scan of L behaviours, in behaviours; measured for TWIN and MIRRN
# on 2 CPU cores as 15,000, less where a model does more per behaviour.
TARGET_COST = 4096
# What another shape costs, tracing or compiling its program, in the unit of `BatchShape.cost` and
# spread over the epochs of a run: some seconds.
SHAPE_COST = 10**8


@dataclasses.dataclass(frozen=True)
class BatchShape:
    """A batch holds `users` (B), each padded to `length` (L) behaviours and `targets` (T).

    Of these targets there are at most `moments` (M), where moments are counted.
    """

    users: int
    length: int
    targets: int
    moments: int = 0

    @property
    def cost(self) -> int:
        """The time that a batch of this shape takes, relative to other shapes."""
        return self.users * self.targets * (self.length + TARGET_COST)


def choose_shapes(
    lengths: np.ndarray,
    targets: np.ndarray,
    batch_users: int,
    max_shapes: int = MAX_SHAPES,
    moments: np.ndarray | None = None,
) -> list[BatchShape]:
    """Returns at most `max_shapes` shapes that hold all examples at little cost.

    A batch of users with few targets takes more users, so that every step sees about as many
    targets: the step of an adaptive optimizer does not shrink with the batch.

    Args:
      lengths: [N], behaviours of each example.
      targets: [N], targets of each example.
      batch_users: B of the shape with the most targets.
      max_shapes: positive.
      moments: [N], moments of the targets of each example; None: they are not counted.
    """
    most_targets = int(targets.max())

    def shape(length: int, targets: int) -> BatchShape:
        room = max(MAX_BEHAVIORS // length, batch_users)
        return BatchShape(min(batch_users * most_targets // targets, room), length, targets)

    counts = collections.Counter(
        itertools.starmap(
            shape,
            zip(
                _rounded_up(lengths, LENGTHS).tolist(),
                _rounded_up(targets, np.arange(1, 1 + most_targets) * TARGETS_STEP).tolist(),
                strict=True,
            ),
        )
    )
    while len(counts) > 1:
        merges = {
            pair: shape(max(a.length for a in pair), max(a.targets for a in pair))
            for pair in itertools.combinations(counts, 2)
        }
        growth = {
            pair: _cost(merged, counts[pair[0]] + counts[pair[1]])
            - _cost(pair[0], counts[pair[0]])
            - _cost(pair[1], counts[pair[1]])
            for pair, merged in merges.items()
        }
        pair = min(growth, key=growth.__getitem__)
        if len(counts) <= max_shapes and growth[pair] > SHAPE_COST:
            break
        merged, count = merges[pair], counts.pop(pair[0]) + counts.pop(pair[1])
        counts[merged] += count
    shapes = sorted(counts, key=lambda shape: shape.cost)
    if moments is None:
        return shapes
    group = assign(shapes, lengths, targets)
    most = [int(moments[group == number].max(initial=1)) for number in range(len(shapes))]
    return [dataclasses.replace(s, moments=m) for s, m in zip(shapes, most, strict=True)]


def assign(shapes: Sequence[BatchShape], lengths: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns for each example the index of the cheapest shape that holds it: [N] int."""
    price = np.array([shape.cost / shape.users for shape in shapes])
    fits = np.array([(lengths <= s.length) & (targets <= s.targets) for s in shapes])
    return np.where(fits, price[:, None], np.inf).argmin(axis=0)


def _cost(shape: BatchShape, examples: int) -> int:
    return -(-examples // shape.users) * shape.cost


def _rounded_up(sizes: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Rounds up to the grid or to common sizes, but never beyond the largest of the sizes."""
    values, counts = np.unique(sizes, return_counts=True)
    common = values[(counts >= COMMON * len(sizes)) & (values >= grid[0])]
    grid = np.unique(np.minimum([*common, *grid], max(int(sizes.max()), 1)))
    return grid[np.searchsorted(grid, sizes)]
