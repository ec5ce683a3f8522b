"""Progress per component, read off TFX's own log: the local runner offers no other hook."""

from __future__ import annotations

import contextlib
import logging
import re
import time

from tfx.orchestration.portable.input_resolution.exceptions import InputResolutionError

from pipeline.terminal.console import Terminal

WHAT = {
    "BehaviorExampleGen": "sorting, sessionizing and cutting the log into user-major examples",
    "StatisticsGen": "computing statistics of the examples",
    "ImportSchemaGen": "taking the curated schema",
    "ExampleValidator": "checking the examples against the schema",
    "Transform": "building vocabularies and turning ids into indices",
    "Trainer": "training and exporting the model",
    "LatestBlessedModel": "looking up the latest blessed model",
    "Evaluator": "evaluating the exported model against the gate",
    "EarlierStatistics": "looking up the statistics of earlier data",
    "EvaluationReport": "writing the report",
    "Pusher": "pushing the model, if it was blessed",
}
_UNRESOLVED = "[%s] Input resolution error: %s"
_EVENT = re.compile(r"Component (\S+) is (running|finished)\.|A cached execution \d+ is used\.")


def _innermost(fault: BaseException) -> BaseException:
    """What went wrong, without what TFX wrapped around it."""
    while isinstance(fault, InputResolutionError) and fault.__cause__ is not None:
        fault = fault.__cause__
    return fault


class Progress(logging.Handler):
    """Shows each component as it starts and ends, and keeps its seconds.

    Attributes:
      seconds: wall seconds per finished component.
      cached: the components whose earlier result TFX used again.
      current: the component that runs now, or None.

    An input that cannot be resolved ends the run here: TFX only logs it.
    """

    def __init__(self, terminal: Terminal, nodes: list[str]) -> None:
        super().__init__(logging.INFO)
        self._terminal, self._nodes = terminal, nodes
        self._started = 0.0
        self._live = contextlib.ExitStack()
        self.seconds: dict[str, float] = {}
        self.cached: list[str] = []
        self.current: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == _UNRESOLVED and record.exc_info and record.exc_info[1]:
            # TFX would go on without the component, and judge without a baseline.
            raise _innermost(record.exc_info[1])
        match = _EVENT.fullmatch(record.getMessage())
        if match is None:
            return
        if match[2] == "running":
            self._begin(match[1])
        elif match[2] == "finished":
            self.end()
        elif self.current:
            self.cached.append(self.current)

    def _begin(self, node: str) -> None:
        self.current, self._started = node, time.monotonic()
        number = self._nodes.index(node) + 1
        text = f"[{number:2}/{len(self._nodes)}] {node}: {WHAT.get(node, 'running')}"
        self._terminal.line(text)
        self._live.enter_context(self._terminal.running(f"      {node}"))

    def end(self, failed: bool = False) -> None:
        """Closes the running component's line."""
        self._live.close()
        if self.current is None:
            return
        self.seconds[self.current] = round(time.monotonic() - self._started, 2)
        if failed:
            state = "failed after"
        else:
            state = "unchanged, taken from the cache:" if self.current in self.cached else "done in"
        self._terminal.line(f"        {state} {self.seconds[self.current]:.1f} s")
        self.current = None
