"""Retrieved behaviours, position encoding added, before anything is computed on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from models.layers.distinct import distinct
from models.layers.gather import gather_plus, gather_rows
from models.layers.linear import times
from models.layers.xla_jit import in_plain_graph, xla_jit

PARTS = 16
SHORT = 300  # so few behaviours are multiplied faster than those that are read are found
SIZES = 3  # how many numbers of behaviours are told apart: each costs some small compilations


class Subsequence(NamedTuple):
    """K behaviours for each target, `x = behaviors + phi W`, kept in factors.

    What comes next is linear, so it may act on a user's behaviours once, before they are gathered
    for every target.

    Attributes:
      rows: [B, L, D] float, a user's behaviours, the last of zeros; or [B, T, K, D], gathered, zero
        where not valid.
      positions: [B, T, K] int32, into `rows`, L - 1 where not valid; None of gathered rows.
      phi: [B, T, K, F] float, of few F, zero where not valid.
      weights: [F, D] float.
      valid: [B, T, K] bool.
    """

    rows: tf.Tensor
    positions: tf.Tensor | None
    phi: tf.Tensor
    weights: tf.Tensor
    valid: tf.Tensor

    def times(self, kernel: tf.Tensor, addend: tf.Tensor | float = 0.0) -> tf.Tensor:
        """Returns `x @ kernel + addend`, [B, T, K, E], of a kernel [D, E]."""
        weights = tf.matmul(self.weights, kernel)
        if self.positions is None:
            return times(self._together, tf.concat([kernel, weights], 0)) + addend
        addend = tf.convert_to_tensor(addend, kernel.dtype)
        return gather_plus(self._products(kernel), self._index, self.phi, weights, addend)

    def of_those_read(self) -> Subsequence:
        """Returns the same with rows of those behaviours alone that a choice names.

        Where histories are long, the choices of one query name a part of them: what comes next
        multiplies no others.
        """
        if self.positions is None or not in_plain_graph() or self.positions.shape[0] is None:
            return self
        if self.rows.shape[1] is None or self.rows.shape[1] <= SHORT:
            return self
        length, width = self.rows.shape[1:]
        behaviors, places = distinct(self.positions, length, -(-length // SIZES))
        flat = tf.reshape(self.rows, [-1, width])
        rows = gather_rows(flat, flat_positions(behaviors[:, None], length))
        return self._replace(rows=rows[:, 0], positions=places)

    def even_first(self) -> Subsequence:
        """Returns the subsequences with behaviours 0, 2 ... of an even K before 1, 3 ..."""
        return self._turned(_even_first)

    def swapped(self) -> Subsequence:
        """Returns the subsequences with the first K / 2 behaviours after the others."""
        return self._turned(lambda *x: [tf.concat(tf.split(y, 2, 2)[::-1], 2) for y in x])

    def _turned(self, turn: Callable) -> Subsequence:
        turned = turn(*(getattr(self, name) for name in self._of_target))
        return self._replace(**dict(zip(self._of_target, turned, strict=True)))

    @property
    def _of_target(self) -> tuple[str, ...]:
        """Names of what has an axis of targets."""
        return "phi", "valid", "rows" if self.positions is None else "positions"

    def of_each_query(self, count: int) -> list[Subsequence]:
        """Returns those of each of `count` queries of a target, which follow each other."""
        parts = {name: _each(getattr(self, name), count) for name in self._of_target}
        return [
            self._replace(**{name: of_query[query] for name, of_query in parts.items()})
            for query in range(count)
        ]

    def parts(self) -> list[Subsequence]:
        """Returns the subsequences of the first users, of those that follow ..., about equal.

        What takes several passes goes part by part: each fits in a CPU's cache, and cores take one
        each. A program of XLA's takes all at once, as a GPU should.
        """
        users = self.valid.shape[0]
        if users is None or not in_plain_graph():
            return [self]
        sizes = [len(part) for part in np.array_split(np.arange(users), min(PARTS, users))]
        split = [[None] * len(sizes) if x is None else tf.split(x, sizes) for x in self._per_user]
        return [
            Subsequence(rows, positions, phi, self.weights, valid)
            for rows, positions, phi, valid in zip(*split, strict=True)
        ]

    @property
    def _per_user(self) -> tuple[tf.Tensor | None, ...]:
        return self.rows, self.positions, self.phi, self.valid

    @property
    def _together(self) -> tf.Tensor:
        return tf.concat([self.rows, self.phi], -1)

    @property
    def _index(self) -> tf.Tensor:
        return flat_positions(self.positions, tf.shape(self.rows)[1])

    def _products(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the rows of all users times a kernel, [B * L, E]."""
        return tf.matmul(tf.reshape(self.rows, [-1, self.rows.shape[-1]]), kernel)


def even_first(steps: int) -> np.ndarray:
    """Returns the positions 0, 2 ... and then 1, 3 ..."""
    return np.arange(steps).reshape(-1, 2).T.ravel()


def _each(values: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Returns `values[:, i::count]` of [B, T * count, ...] for each i, in a twelfth of the time."""
    shape = tf.shape(values)
    apart = tf.reshape(values, tf.concat([shape[:1], [-1, count], shape[2:]], 0))
    return tf.unstack(apart, count, axis=2)


def _even_first(*per_target: tf.Tensor) -> list[tf.Tensor]:
    if all(x.shape.is_fully_defined() for x in per_target):
        return _halves(*per_target)
    # TensorFlow's own kernel takes ten times as long for every second row as for rows by number.
    order = even_first(per_target[0].shape[2])
    return [tf.gather(x, order, axis=2) for x in per_target]


@xla_jit
def _halves(*per_target: tf.Tensor) -> list[tf.Tensor]:
    return [tf.concat([x[:, :, 0::2], x[:, :, 1::2]], 2) for x in per_target]


def flat_positions(positions: tf.Tensor, length: tf.Tensor | int) -> tf.Tensor:
    """Returns positions [B, T, K] within [B, L] as indices into [B * L]."""
    return positions + (tf.range(tf.shape(positions)[0]) * length)[:, None, None]
