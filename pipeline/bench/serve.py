"""`everlong bench serve`: an exported model's answers to one user at a time, and its throughput.

Requests are random: histories of --length behaviours and --targets targets, of ids that the
model's own vocabularies hold. First the signature `score` is called in this process; in turn with
it is measured the floor, the least that a search over the whole history computes: numpy gathers
the rows of L behaviours, 64 floats each, multiplies them with the rows of T targets, and finds the
--top-k largest products of each target. A model reads no more of a history than its own
`history.max_length`. Of one target is told, too, which share of all operations' time goes into
looking ids up in vocabularies. Then, for each --clients N, `everlong serve` is started, and so many
clients ask it over gRPC, each for its next answer as soon as it has the last one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.features import SCORE
from pipeline import result_file
from pipeline.bench.arguments import positive
from pipeline.bench.trace import lookup_share
from pipeline.bench.turns import LEAST, in_turn
from pipeline.serve.folder import check_model
from pipeline.terminal.console import Terminal, quiet
from pipeline.terminal.exit_codes import DONE

if TYPE_CHECKING:
    from pipeline.serve.model import Model

SUMMARY = "an exported model's latency, against its floor, and its throughput over gRPC"
LENGTHS, TARGETS = [200, 1_000, 10_000], [128]
COLUMNS = {
    "model": "model",
    "length": "L",
    "targets": "T",
    "clients": "clients",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "floor_ms": "floor ms",
    "of_floor": "of floor",
    "lookup_share": "lookup",
    "requests": "requests",
    "requests_per_second": "requests/s",
}
WIDTH = 64  # floats of an item's row
ROWS = 100_000  # of the floor's item table
DIFFERENT = 16  # requests in turn, so that no cache holds the rows of the next one
WARM_UP = 3
_LISTENS = re.compile(r"gRPC (\S+), model")
_SERVES = re.compile(r"version [0-9]+ of ")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        dest="models",
        help="a folder of versions or an exported SavedModel, may be repeated",
    )
    for flag, letter, default, words in (
        ("length", "L", LENGTHS, "behaviours of the history"),
        ("targets", "T", TARGETS, "targets of a request"),
    ):
        parser.add_argument(
            f"--{flag}",
            type=positive,
            action="append",
            metavar=letter,
            help=f"{words}, may be repeated (default: {' '.join(map(str, default))})",
        )
    parser.add_argument(
        "--clients",
        type=positive,
        action="append",
        default=[],
        metavar="N",
        help="also over gRPC by so many clients at once, may be repeated",
    )
    parser.add_argument(
        "--requests",
        type=positive,
        default=200,
        metavar="N",
        help="requests behind each row (default: 200)",
    )
    parser.add_argument(
        "--row-seconds",
        type=positive,
        default=60,
        metavar="S",
        help=f"after which a row in this process ends with fewer, at least {LEAST} (default: 60)",
    )
    parser.add_argument(
        "--top-k",
        type=positive,
        default=50,
        metavar="K",
        help="behaviours that the floor finds for each target (default: 50)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write rows and all that made them to FILE"
    )


def execute(parsed: argparse.Namespace) -> int:
    result_file.check_writable(parsed.json)
    for folder in parsed.models:
        check_model(folder, wait=False)
    with quiet(Path(os.devnull)) as terminal:
        rows = [row for folder in parsed.models for row in _rows(folder, parsed, terminal)]
        terminal.line()
        terminal.line(result_file.table(rows, COLUMNS))
        if parsed.json:
            result_file.write(parsed.json, None, rows)
            terminal.line(f"written to {parsed.json}")
    return DONE


def _rows(folder: Path, parsed: argparse.Namespace, terminal: Terminal) -> Iterator[dict[str, Any]]:
    with terminal.running(f"loading {folder}"):
        from pipeline.serve.rank import newest

        model = newest(folder, optimized=True)
    shapes = [(n, t) for n in parsed.length or LENGTHS for t in parsed.targets or TARGETS]
    floors = {}
    for length, targets in shapes:
        told = {"model": str(folder), "length": length, "targets": targets}
        with terminal.running(f"{folder}, L = {length:,}, T = {targets:,}"):
            answer = in_process(model, length, targets)
            plain = floor(length, targets, parsed.top_k)
            (seconds, floors[length, targets]), _ = in_turn(
                [answer, plain], parsed.requests, WARM_UP, parsed.row_seconds
            )
            if targets == 1:
                told["lookup_share"] = lookup_share(model, draw(model, length, targets))
        yield told | _figures(seconds, floors[length, targets]) | {"clients": None}
    for clients in parsed.clients:
        with served(folder) as address:
            for length, targets in shapes:
                told = {"model": str(folder), "length": length, "targets": targets}
                name = f"{folder}, L = {length:,}, T = {targets:,}, {clients} clients"
                with terminal.running(name):
                    requests = draw(model, length, targets)
                    seconds, rate = _over_grpc(address, requests, clients, parsed.requests)
                figures = _figures(seconds, floors[length, targets])
                yield told | figures | {"clients": clients, "requests_per_second": rate}


def draw(model: Model, length: int, targets: int) -> list[dict[str, np.ndarray]]:
    """Different requests of one shape, see `ExampleRequests.draw`."""
    from models.example_request import ExampleRequests

    requests = ExampleRequests.of_model(model.signature(SCORE).inputs, str(model.path))
    return [requests.draw(length, targets) for _ in range(DIFFERENT)]


def in_process(model: Model, length: int, targets: int) -> Callable[[int], Any]:
    """Calls of the signature `score`."""
    requests, signature = draw(model, length, targets), model.signature(SCORE)
    return lambda number: signature(requests[number % DIFFERENT])


def floor(length: int, targets: int, top_k: int) -> Callable[[int], np.ndarray]:
    """The least that a search computes: [T, K] positions of the behaviours most like each target.

    Args:
      length: L.
      targets: T.
      top_k: K; where no history is longer, all its behaviours are found.
    """
    rng = np.random.default_rng(0)
    table = rng.normal(size=(ROWS, WIDTH)).astype(np.float32)
    histories = rng.integers(0, ROWS, [DIFFERENT, length])
    wanted = rng.normal(size=(DIFFERENT, targets, WIDTH)).astype(np.float32)

    def search(number: int) -> np.ndarray:
        place = number % DIFFERENT
        products = wanted[place] @ table[histories[place]].T
        if length <= top_k:
            return np.broadcast_to(np.arange(length), products.shape)
        return np.argpartition(products, length - top_k, axis=1)[:, -top_k:]

    return search


def _figures(seconds: Sequence[float], floors: Sequence[float]) -> dict[str, Any]:
    p50, p99 = np.percentile(seconds, [50, 99]) * 1e3
    least = statistics.median(floors) * 1e3
    return {
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "floor_ms": least,
        "of_floor": float(p50) / least,
        "requests": len(seconds),
    }


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Runs `everlong serve`; yields where its gRPC listens once it serves."""
    command = [sys.executable, "-m", "pipeline", "serve", "--model", str(folder)]
    process = subprocess.Popen(
        [*command, "--rest-port", "0", "--grpc-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None, "it was asked for"
        said = ""
        for line in process.stdout:
            said += line
            if _SERVES.match(line):
                break
        found = _LISTENS.search(said)
        if found is None or process.poll() is not None:
            raise RuntimeError(f"everlong serve ended: {said.strip() or process.wait()}")
        yield found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def _over_grpc(
    address: str, requests: Sequence[dict[str, np.ndarray]], clients: int, times: int
) -> tuple[list[float], float]:
    """Seconds of each of some requests, and requests per second of all clients together."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    messages = []
    for request in requests:
        message = predict_pb2.PredictRequest()
        message.model_spec.name, message.model_spec.signature_name = "everlong", SCORE
        for name, array in request.items():
            dtype = None if array.dtype == object else array.dtype
            message.inputs[name].CopyFrom(tf.make_tensor_proto(array, dtype))
        messages.append(message.SerializeToString())
    share = -(-times // clients)
    together = threading.Barrier(clients)

    def ask(client: int) -> list[tuple[float, float]]:
        with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            call = channel.unary_unary(
                "/tensorflow.serving.PredictionService/Predict",
                response_deserializer=predict_pb2.PredictResponse.FromString,
            )
            try:
                for number in range(WARM_UP):
                    call(messages[number], wait_for_ready=True)
            except grpc.RpcError:
                together.abort()  # the others would wait for this one
                raise
            together.wait()
            spans = []
            for number in range(share):
                begun = time.perf_counter()
                call(messages[(client + number) % DIFFERENT])
                spans.append((begun, time.perf_counter()))
            return spans

    with ThreadPoolExecutor(clients) as pool:
        spans = [span for of_client in pool.map(ask, range(clients)) for span in of_client]
    begins, ends = zip(*spans, strict=True)
    return [end - begin for begin, end in spans], len(spans) / (max(ends) - min(begins))
