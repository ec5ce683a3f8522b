"""`everlong serve`: a pushed model behind TensorFlow Serving's REST and gRPC."""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import InputError
from models.features import SCORE
from pipeline.arguments import add_model
from pipeline.bench.arguments import positive
from pipeline.serve.folder import check_model
from pipeline.serve.versions import SAVED_MODEL
from pipeline.terminal.console import Terminal, quiet
from pipeline.terminal.exit_codes import DONE, INTERRUPTED

if TYPE_CHECKING:
    from pipeline.serve.server import Server

SUMMARY = "serve a pushed model over REST and gRPC, as TensorFlow Serving does, from this process"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(
        parser,
        "a folder of versions, whose newest is served and followed, or an exported SavedModel",
    )
    parser.add_argument(
        "--name",
        default="everlong",
        metavar="NAME",
        help="that requests call the model by (default: everlong)",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="HOST",
        help="to listen on; there is neither encryption nor a password, so beyond this machine "
        "put a proxy before it (default: 127.0.0.1)",
    )
    for protocol, port in (("rest", 8501), ("grpc", 8500)):
        parser.add_argument(
            f"--{protocol}-port",
            type=_port,
            default=port,
            metavar="PORT",
            help=f"0: any that is free, which is printed (default: {port})",
        )
    parser.add_argument(
        "--workers",
        type=positive,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="requests that run at once (default: one for each core)",
    )
    parser.add_argument(
        "--queue",
        type=positive,
        default=64,
        metavar="N",
        help="requests that may wait; what comes beyond is refused: 429, RESOURCE_EXHAUSTED "
        "(default: 64)",
    )
    parser.add_argument(
        "--max-message-mib",
        type=positive,
        default=64,
        metavar="MIB",
        help="the largest request (default: 64)",
    )
    parser.add_argument(
        "--timeout-seconds",
        type=_seconds,
        default=30.0,
        metavar="S",
        help="after which a request is refused: 504, DEADLINE_EXCEEDED; a shorter deadline of gRPC "
        "holds (default: 30)",
    )
    parser.add_argument(
        "--poll-seconds",
        type=_seconds,
        default=1.0,
        metavar="S",
        help="between looks for a new version (default: 1)",
    )


def execute(arguments: argparse.Namespace) -> int:
    check_model(arguments.model, wait=True)
    if not arguments.name or set(arguments.name) & set("/:"):
        raise InputError(f"--name {arguments.name!r}: must be a name without / and :")
    if arguments.grpc_port and arguments.grpc_port == arguments.rest_port:
        raise InputError(
            f"--grpc-port {arguments.grpc_port}: is --rest-port's, too; choose another"
        )
    with quiet(Path(os.devnull)) as terminal:
        with terminal.running("loading TensorFlow"):
            from pipeline.serve.server import Options, Server

            server = Server(
                Options(
                    model=arguments.model,
                    name=arguments.name,
                    host=arguments.host,
                    rest_port=arguments.rest_port,
                    grpc_port=arguments.grpc_port,
                    workers=arguments.workers,
                    queue=arguments.queue,
                    most_bytes=arguments.max_message_mib << 20,
                    timeout_seconds=arguments.timeout_seconds,
                    poll_seconds=arguments.poll_seconds,
                )
            )
        return _serve(server, arguments, terminal)


def _serve(server: Server, arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Serves until a signal; what was begun is answered before it ends."""
    received: list[int] = []
    ended = threading.Event()

    def end(number: int, _: object) -> None:
        received.append(number)
        ended.set()
        signal.signal(number, signal.default_int_handler)  # the second one does not wait

    before = {number: signal.signal(number, end) for number in _SIGNALS}
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    url = f"http://{host}:{server.rest_port}/v1/models/{arguments.name}"
    terminal.line(f"REST {url}")
    terminal.line(f"gRPC {host}:{server.grpc_port}, model {arguments.name}")
    # What TensorFlow's modules hold stays. Looking for garbage in it would hold up all threads for
    # a second or two, several times while a version loads, and when one is released.
    gc.freeze()
    try:
        with terminal.running("loading the model"):
            server.start()
        terminal.line(_first_version(server, arguments.model, url))
        ended.wait()
        terminal.line("shutting down: requests that were begun are answered")
    finally:
        server.drain()
        for number, handler in before.items():
            signal.signal(number, handler)
    return INTERRUPTED if received[0] == signal.SIGINT else DONE


def _first_version(server: Server, folder: Path, url: str) -> str:
    """What is served, and how to ask it.

    Raises:
      InputError: if the folder is one version, and that cannot be served.
    """
    from models.example_request import ExampleRequests, as_json

    if server.versions.version is None:
        faults = [state.fault for state in server.versions.states()]
        if faults and (folder / SAVED_MODEL).is_file():
            raise InputError(f"--model {folder}: cannot be served: {faults[0]}")
        return f"no version in {folder} can be served yet: requests are refused until one can"
    with server.versions.lease() as (version, model):
        if SCORE not in model.definition:  # a model of somebody else's
            return f"version {version} of {folder}, which has no signature {SCORE!r} to show"
        request = ExampleRequests.of_model(model.signature(SCORE).inputs, str(model.path)).draw(
            2, 2
        )
    body = shlex.quote(as_json(request))
    return f"version {version} of {folder}; try: curl {url}:predict -d {body}"


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be 0 to 65535. Received: {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"must be a positive number. Received: {text!r}")
    return number
