"""How much is done at once: so many requests run, so many wait, none beyond its deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from pipeline.serve.errors import Code, RequestError

Result = TypeVar("Result")


class Limits:
    """Runs requests in threads of its own.

    Args:
      workers: requests that run at once.
      queue: requests that may wait beside them.
    """

    def __init__(self, workers: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(workers, "everlong-worker")
        self._workers, self._queue = workers, queue
        self._inside = 0
        self._lock = threading.Lock()

    @property
    def running(self) -> int:
        """Requests that run."""
        return min(self._inside, self._workers)

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return max(self._inside - self._workers, 0)

    @property
    def most(self) -> int:
        """Requests that run or wait at once, at most."""
        return self._workers + self._queue

    def run(self, work: Callable[[], Result], seconds: float) -> Result:
        """Returns what `work` returns.

        What waits when its time is over never begins. What runs goes on, as TensorFlow cannot be
        stopped within a graph, and keeps its place until it ends; only nobody waits for it.

        Args:
          work: the request.
          seconds: until its deadline.

        Raises:
          RequestError: if the queue is full, or the deadline passes first.
        """
        if seconds <= 0:
            raise _late()
        with self._lock:
            if self._inside >= self.most:
                raise RequestError(
                    Code.RESOURCE_EXHAUSTED,
                    f"{self._workers} requests run and {self._queue} wait, which is the most; "
                    "try again later",
                )
            self._inside += 1
        future = self._pool.submit(work)
        future.add_done_callback(self._left)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise _late() from None

    def close(self) -> None:
        """Waits for what runs, and ends the threads."""
        self._pool.shutdown()

    def _left(self, _: Future[Result]) -> None:
        with self._lock:
            self._inside -= 1


def _late() -> RequestError:
    return RequestError(Code.DEADLINE_EXCEEDED, "the deadline passed before there was an answer")
