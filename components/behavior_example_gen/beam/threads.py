"""Beam's in-memory runner is one thread; what it runs here is not."""

from __future__ import annotations

import abc
import collections
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from components.behavior_example_gen.beam import progress

Task = TypeVar("Task")
Result = TypeVar("Result")

_MOST = 8  # more threads would wait for each other


class ParallelDoFn(beam.DoFn, abc.ABC, Generic[Task, Result]):
    """Does the work of a bundle in threads: numpy, Arrow and zlib all release Python's lock.

    As many tasks are in the works as there are cores, so memory is bounded; a bundle ends when all
    of its tasks have, so a failure fails the bundle, as Beam expects.

    Attributes:
      busy: name in `progress` of the seconds that the threads worked, added up.
    """

    busy: str

    @abc.abstractmethod
    def work(self, task: Task) -> list[Result]:
        """Does one task, in a thread; returns the elements for the output."""

    def setup(self) -> None:
        self._threads = min(len(os.sched_getaffinity(0)), _MOST)
        self._pool = ThreadPoolExecutor(self._threads)

    def start_bundle(self) -> None:
        self._tasks: collections.deque[Future[list[Result]]] = collections.deque()

    def submit(self, task: Task) -> Iterator[Result]:
        """Starts a task; yields the results of the oldest one if that must end first."""
        while len(self._tasks) >= self._threads:
            yield from self._tasks.popleft().result()
        self._tasks.append(self._pool.submit(self._timed, task))

    def _timed(self, task: Task) -> list[Result]:
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

        def placed(value: object) -> WindowedValue:
            return WindowedValue(value, window.max_timestamp(), (window,))

        for element in elements:
            if isinstance(element, beam.pvalue.TaggedOutput):
                yield beam.pvalue.TaggedOutput(element.tag, placed(element.value))
            else:
                yield placed(element)
