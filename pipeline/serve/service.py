"""One request, whichever protocol brought it: from names and a way to read tensors to arrays."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from tensorflow.core.protobuf import meta_graph_pb2

from pipeline.serve.asked import users
from pipeline.serve.errors import Code, RequestError, invalid, unknown
from pipeline.serve.limits import Limits
from pipeline.serve.metrics import Metrics
from pipeline.serve.model import Model, Signature
from pipeline.serve.versions import State, Versions

Result = TypeVar("Result")
_LOG = logging.getLogger("everlong")


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked.

    Attributes:
      model: name of the model.
      version: that must answer; None: the one that serves.
      signature: of the model.
      arrays: reads the inputs as this signature takes them.
      wanted: outputs; none: all.
    """

    model: str
    version: int | None
    signature: str
    arrays: Callable[[Signature], dict[str, np.ndarray]]
    wanted: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Answer:
    """The outputs, and the version that gave all of them."""

    version: int
    outputs: dict[str, np.ndarray]


class Service:
    """Answers requests on the version that serves.

    Args:
      name: of the model.
      versions: of the model.
      limits: of what is done at once.
      metrics: count what is done.
      seconds: that a request may take, if it does not say less itself.
    """

    def __init__(
        self, name: str, versions: Versions[Model], limits: Limits, metrics: Metrics, seconds: float
    ) -> None:
        self.name = name
        self._versions = versions
        self._limits = limits
        self._metrics = metrics
        self._seconds = seconds

    def predict(
        self, protocol: str, read: Callable[[], Request], seconds: float | None = None
    ) -> tuple[Request, Answer]:
        """Answers a request.

        Args:
          protocol: that it came by.
          read: reads it, and refuses what is none.
          seconds: until its own deadline; None: it has none.

        Raises:
          RequestError: if there is no answer.
        """
        begun = time.monotonic()
        signature, code = "", Code.OK
        try:
            request = read()
            signature = request.signature
            self._check_name(request.model)
            left = self._seconds if seconds is None else min(seconds, self._seconds)
            left -= time.monotonic() - begun
            return request, self._limits.run(lambda: self._run(request), left)
        except RequestError as error:
            code = error.code
            raise
        except Exception as error:
            code = Code.INTERNAL
            told = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            _LOG.info("a request failed: %s", told)
            raise RequestError(code, told) from error
        finally:
            self._metrics.answered(protocol, signature, code.name, time.monotonic() - begun)

    def definition(
        self, model: str, version: int | None
    ) -> tuple[int, dict[str, meta_graph_pb2.SignatureDef]]:
        """The version that serves, and its signatures.

        Raises:
          RequestError: of an unknown model or version.
        """
        self._check_name(model)
        with self._versions.lease(version) as (number, loaded):
            return number, loaded.definition

    def states(self, model: str, version: int | None) -> list[State]:
        """What became of all versions, or of one.

        Raises:
          RequestError: of an unknown model or version.
        """
        self._check_name(model)
        found = [s for s in self._versions.states() if version in (None, s.version)]
        if version is not None and not found:
            raise RequestError(Code.NOT_FOUND, f"there is no version {version}")
        return found

    def _check_name(self, model: str) -> None:
        if model != self.name:
            raise RequestError(Code.NOT_FOUND, unknown("model", model, [self.name]))

    def _run(self, request: Request) -> Answer:
        # In the worker's thread: a caller that gives up does not take the version from under it.
        with self._versions.lease(request.version) as (version, model):
            signature = model.signature(request.signature)
            self._metrics.knows(signature.name)
            inputs = request.arrays(signature)
            outputs = signature(inputs)
        asked_about = list(users(inputs, model.expected.required))
        self._metrics.scored(model.expected, asked_about, outputs)
        for name in request.wanted:
            if name not in outputs:
                raise invalid(unknown("output", name, outputs))
        return Answer(version, {n: outputs[n] for n in request.wanted or outputs})
