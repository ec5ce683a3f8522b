"""What is compared, called in turn: other work on the machine meets all of it alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

LEAST = 5  # rounds, however long they take


def in_turn(
    functions: Sequence[Callable[[int], Any]],
    rounds: int,
    warm_up: int,
    most_seconds: float = math.inf,
) -> np.ndarray:
    """Returns the seconds of each call of each function.

    Args:
      functions: N, that take the number of a round.
      rounds: at most.
      warm_up: rounds before these, of numbers below 0, that are not told.
      most_seconds: after which no round begins, but for `LEAST`.

    Returns:
      [2, N, rounds]: by the clock, and CPU time of all threads.
    """
    spans: list[list[np.ndarray]] = []
    ends = time.perf_counter() + most_seconds
    for number in range(-warm_up, rounds):
        if number >= LEAST and time.perf_counter() > ends:
            break
        spans.append([])
        for function in functions:
            begun = time.perf_counter(), time.process_time()
            function(number)
            spans[-1].append(np.subtract((time.perf_counter(), time.process_time()), begun))
    return np.transpose(spans[warm_up:], [2, 1, 0])
