"""Beam's in-memory runner is one thread; what it runs here is not."""

from __future__ import annotations

import abc
import collections
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from components.behavior_example_gen.beam import progress

_MOST = 8  # more threads would wait for each other


class ParallelDoFn(beam.DoFn, abc.ABC):
    """Does the work of a bundle in threads: numpy, Arrow and zlib all release Python's lock.

    As many tasks are in the works as there are cores, so memory is bounded; a bundle ends when all
    of its tasks have, so a failure fails the bundle, as Beam expects.

    Attributes:
      busy: name in `progress` of the seconds that the threads worked, added up.
    """

    busy: str

    @abc.abstractmethod
    def work(self, task: object) -> list[object]:
        """Does one task, in a thread; returns the elements for the output."""

    def setup(self) -> None:
        self._threads = min(len(os.sched_getaffinity(0)), _MOST)
        self._pool = ThreadPoolExecutor(self._threads)

    def start_bundle(self) -> None:
        self._tasks: collections.deque[Future[list[object]]] = collections.deque()

    def submit(self, task: object) -> Iterator[object]:
        """Starts a task; yields the results of the oldest one if that must end first."""
        while len(self._tasks) >= self._threads:
            yield from self._tasks.popleft().result()
        self._tasks.append(self._pool.submit(self._timed, task))

    def _timed(self, task: object) -> list[object]:
        begun = time.monotonic()
        results = self.work(task)
        progress.add(**{self.busy: time.monotonic() - begun})
        return results

    def finish_bundle(self) -> Iterator[object]:
        while self._tasks:
            yield from self.windowed(self._tasks.popleft().result())

    def teardown(self) -> None:
        self._pool.shutdown()

    @staticmethod
    def windowed(elements: Iterable[object]) -> Iterator[object]:
        """Yields elements as the end of a bundle must give them."""
        window = GlobalWindow()
        for element in elements:
            tagged = isinstance(element, beam.pvalue.TaggedOutput)
            value = element.value if tagged else element
            placed = WindowedValue(value, window.max_timestamp(), (window,))
            yield beam.pvalue.TaggedOutput(element.tag, placed) if tagged else placed
