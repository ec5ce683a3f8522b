"""The simulator as a source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import apache_beam as beam

from components.behavior_example_gen.read.block import Block
from components.behavior_example_gen.sources.source import Source
from components.simulator.config import SimulatorConfig
from components.simulator.simulator import simulate

_USERS = 64  # simulated at a time
_BYTES = 64  # of a row


class SimulatedSource(Source):
    """A log that is made up while it is read, some users at a time."""

    def __init__(self, simulator: SimulatorConfig, columns: Sequence[str]):
        self._simulator, self._columns = simulator, list(columns)

    def blocks(self, pipeline: beam.Pipeline) -> beam.PCollection[Block]:
        """Simulates some users on each worker."""
        return (
            pipeline
            | "Users" >> beam.Create(range(0, self._simulator.users, _USERS))
            | "SpreadUsers" >> beam.Reshuffle()
            | "Simulate" >> beam.FlatMap(_simulate, self._simulator, self._columns)
        )

    def fingerprint(self) -> str:
        """Its settings."""
        return self._simulator.model_dump_json()

    def size(self) -> int:
        """By the median history."""
        rows = self._simulator.median_history + self._simulator.targets_per_user
        return _BYTES * rows * self._simulator.users


def _simulate(start: int, simulator: SimulatorConfig, columns: list[str]) -> Iterator[Block]:
    users = range(start, min(start + _USERS, simulator.users))
    rows = simulate(simulator, users).select(columns).combine_chunks()
    for batch in rows.to_batches():
        yield Block(f"the simulated log from user {start}", start // _USERS, 1, batch)
