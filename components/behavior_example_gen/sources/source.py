"""What every source of a log is, be it files, a dataset, a query or a simulation."""

from __future__ import annotations

import abc
from collections.abc import Iterator

import apache_beam as beam

from components.behavior_example_gen.read.block import Block

ASSUMED_BYTES = 16 << 30  # of a source that cannot say its size


class Source(abc.ABC):
    """One table of events.

    Attributes:
      keeps_order: whether blocks know the place of their rows in the table.
      parts: how many of them `heads` reads without a pipeline; 0: the table is known only once
        one runs, as of a simulation or a query.
    """

    keeps_order = True
    parts = 0

    @abc.abstractmethod
    def blocks(self, pipeline: beam.Pipeline) -> beam.PCollection[Block]:
        """Adds the reading of all rows to a pipeline, with labels of its own."""

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """Returns a text that changes when the rows do."""

    def size(self) -> int:
        """Returns an estimate of the table's size in memory, in bytes."""
        return ASSUMED_BYTES

    def heads(self) -> Iterator[tuple[Block, bool]]:
        """Yields the first block of each part, and whether it is all of that part.

        Nothing where `parts` is 0.
        """
        return iter(())
