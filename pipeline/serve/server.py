"""A server: a model's versions behind both protocols, and an end that loses no request."""

from __future__ import annotations

import dataclasses
import errno
import socket
import threading
from pathlib import Path

from components.errors import InputError
from pipeline.serve import warm_up
from pipeline.serve.expected import Expected
from pipeline.serve.limits import Limits
from pipeline.serve.metrics import Metrics
from pipeline.serve.model import Model
from pipeline.serve.rest import RestServer
from pipeline.serve.rpc import RpcServer
from pipeline.serve.service import Service
from pipeline.serve.versions import Versions


@dataclasses.dataclass(frozen=True)
class Options:
    """What a server is told.

    Attributes:
      model: folder of versions, or of one version.
      name: that requests call the model by.
      host: to listen on.
      rest_port, grpc_port: 0: any that is free.
      workers: requests that run at once.
      queue: requests that may wait.
      most_bytes: of a request.
      timeout_seconds: that a request may take, waiting included.
      poll_seconds: between looks at the folder.
    """

    model: Path
    name: str
    host: str
    rest_port: int
    grpc_port: int
    workers: int
    queue: int
    most_bytes: int
    timeout_seconds: float
    poll_seconds: float


class Server:
    """Answers requests from `start` to `drain`.

    Raises:
      InputError: naming the port that it cannot listen on.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._limits = Limits(options.workers, options.queue)
        self.versions = Versions(options.model, load)
        metrics = Metrics(self._limits, lambda: self.versions.version)
        service = Service(
            options.name, self.versions, self._limits, metrics, options.timeout_seconds
        )
        host, most = options.host, options.most_bytes
        try:
            self._rest = RestServer(host, options.rest_port, service, metrics, most)
        except OSError as error:
            raise _no_port("--rest-port", options.rest_port, host, error) from None
        try:
            self._rpc = RpcServer(host, options.grpc_port, service, self._limits.most, most)
        except OSError as error:
            self._rest.drain(0)
            raise _no_port("--grpc-port", options.grpc_port, host, error) from None
        self.rest_port, self.grpc_port = self._rest.port, self._rpc.port
        self._following = threading.Thread(
            target=self.versions.follow, args=(options.poll_seconds,), daemon=True
        )

    def start(self) -> None:
        """Listens, loads the newest version, and follows the folder from then on."""
        self._rest.start()
        self._rpc.start()
        self.versions.poll()
        self._following.start()

    def drain(self) -> None:
        """Takes no more requests, answers those that it has, and ends."""
        self.versions.close()
        # A request lasts no longer than its deadline, so neither does this.
        draining = [
            threading.Thread(target=protocol.drain, args=(self._options.timeout_seconds,))
            for protocol in (self._rest, self._rpc)
        ]
        for thread in draining:
            thread.start()
        for thread in draining:
            thread.join()
        self._limits.close()


def load(folder: Path) -> Model:
    """A version that can serve: whole, its graphs built, and warm if it brings requests for that.

    Raises:
      Exception: whatever is wrong with it.
    """
    expected = Expected.read(folder)
    model = Model(folder, optimized=True)
    model.expected = expected
    for function in model.functions.values():
        function.make_ready()
    warm_up.warm_up(model)
    return model


def _no_port(flag: str, port: int, host: str, error: OSError) -> InputError:
    reason = error.strerror or error
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return InputError(f"--host {host}: {reason}; give a name or an address of this machine")
    return InputError(f"{flag} {port}: cannot listen on {host}: {reason}; choose another port")
