"""Versions that are pushed while clients ask: is a request lost, or an answer made of two versions?

`everlong serve` follows a folder into which the models are pushed one after another, as `Pusher`
does, while clients ask over gRPC without a pause. What a version answers to a request was computed
before, alone; an answer must be that of the version that it names, to 1e-6. Meanwhile the folder is
looked at as TensorFlow Serving does, which takes any child with an integer name for a whole
version.

    python benchmarks/rolling_update.py --model DIR --model DIR --model DIR --json OUT
"""

from __future__ import annotations

import components  # noqa: F401  # it sets the environment of libraries, before they are imported

# isort: split
import argparse
import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from components.pusher.versions import is_version, push
from models.features import PROBABILITY, SCORE
from pipeline import result_file
from pipeline.bench.serve import draw, served
from pipeline.terminal.console import Terminal, quiet

LENGTH, TARGETS = 200, 16
CLOSE = 1e-6


class Watch:
    """Looks at a folder of versions all the time: which are whole, which are not."""

    def __init__(self, folder: Path, wanted: dict[str, int]) -> None:
        self._folder, self._wanted = folder, wanted  # files of a version, and their sizes
        self.looks, self.partial = 0, 0

    def until(self, ended: threading.Event) -> None:
        while not ended.is_set():
            for child in self._folder.iterdir():
                if is_version(child.name):
                    self.looks += 1
                    self.partial += not self._is_whole(child)
            time.sleep(1e-3)

    def _is_whole(self, version: Path) -> bool:
        return sizes(version).keys() >= self._wanted.keys() and all(sizes(version).values())


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of the graph and of the variables, by file."""
    files = (path for path in folder.rglob("*") if path.is_file())
    found = {str(path.relative_to(folder)): path.stat().st_size for path in files}
    return {name: size for name, size in found.items() if name.startswith(("saved", "variables"))}


class Clients:
    """Ask for the same requests in turn, each as soon as it has the last answer."""

    def __init__(self, address: str, requests: Sequence[dict[str, np.ndarray]]) -> None:
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        self._address = address
        self._messages = []
        for request in requests:
            message = predict_pb2.PredictRequest()
            message.model_spec.name, message.model_spec.signature_name = "everlong", SCORE
            for name, array in request.items():
                message.inputs[name].CopyFrom(tf.make_tensor_proto(array))
            self._messages.append(message.SerializeToString())
        self.answers: list[tuple[int, int, np.ndarray]] = []  # version, request, probabilities
        self.failures: list[str] = []
        self.seconds: list[float] = []

    def ask(self, client: int, ended: threading.Event) -> None:
        import grpc
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        with grpc.insecure_channel(
            self._address, [("grpc.use_local_subchannel_pool", 1)]
        ) as channel:
            call = channel.unary_unary(
                "/tensorflow.serving.PredictionService/Predict",
                response_deserializer=predict_pb2.PredictResponse.FromString,
            )
            number = client
            while not ended.is_set():
                number = (number + 1) % len(self._messages)
                begun = time.perf_counter()
                try:
                    answer = call(self._messages[number], wait_for_ready=True, timeout=30)
                except grpc.RpcError as error:
                    self.failures.append(f"{error.code()}: {error.details()}")
                    continue
                self.seconds.append(time.perf_counter() - begun)
                scores = tf.make_ndarray(answer.outputs[PROBABILITY])
                self.answers.append((answer.model_spec.version.value, number, scores))


def measure(parsed: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    from pipeline.serve.rank import newest

    models = [newest(folder, optimized=True) for folder in parsed.models]
    requests = draw(models[0], LENGTH, TARGETS)
    alone = [
        [model.signature(SCORE)(request)[PROBABILITY] for request in requests] for model in models
    ]
    least = min(
        float(np.abs(a - b).max(initial=0, where=np.isfinite(a)))
        for number, first in enumerate(alone)
        for second in alone[:number]
        for a, b in zip(first, second, strict=True)
    )
    if least < 100 * CLOSE:
        raise SystemExit("--model: the models must differ, or an answer does not tell its version")
    ended = threading.Event()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="everlong-roll-")))
        expected = {}
        paths = [model.path for model in models]

        def put(number: int) -> None:
            version, made = push(str(paths[number]), str(folder), lambda _: None)
            assert made, "the models differ"
            expected[int(version)] = alone[number]

        put(0)
        clients = Clients(stack.enter_context(served(folder)), requests)
        watch = Watch(folder, sizes(paths[0]))
        pool = stack.enter_context(ThreadPoolExecutor(parsed.clients + 1))
        stack.callback(ended.set)
        running = [pool.submit(watch.until, ended)]
        running += [pool.submit(clients.ask, client, ended) for client in range(parsed.clients)]
        for number in range(1, len(models)):
            time.sleep(parsed.seconds / len(models))
            with terminal.running(f"pushing model {number + 1}"):
                put(number)
        # A copy that is no model, as the newest: it must be passed over.
        time.sleep(parsed.seconds / len(models) / 2)
        broken = folder / ".broken"
        shutil.copytree(paths[0], broken)
        (broken / "saved_model.pb").write_bytes(b"no graph")
        os.rename(broken, folder / str(max(expected) + 10))
        time.sleep(parsed.seconds / len(models) / 2)
        ended.set()
        for one in running:
            one.result()
    mixed = sum(
        version not in expected or float(np.abs(scores - expected[version][number]).max()) > CLOSE
        for version, number, scores in clients.answers
    )
    by_version = Counter(version for version, *_ in clients.answers)
    return {
        "clients": parsed.clients,
        "seconds": parsed.seconds,
        "length": LENGTH,
        "targets": TARGETS,
        "answers": len(clients.answers),
        "answers_by_version": [by_version[version] for version in sorted(expected)],
        "failed": len(clients.failures),
        "failures": clients.failures[:5],
        "mixed": mixed,
        "looks_at_a_version": watch.looks,
        "partial_versions_seen": watch.partial,
        "p50_ms": float(np.percentile(clients.seconds, 50)) * 1e3,
        "p99_ms": float(np.percentile(clients.seconds, 99)) * 1e3,
        "longest_ms": max(clients.seconds) * 1e3,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--model", action="append", required=True, dest="models", type=Path)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", type=Path, required=True, metavar="OUT")
    parsed = parser.parse_args()
    result_file.check_writable(parsed.json)
    with quiet(Path(os.devnull)) as terminal:
        row = measure(parsed, terminal)
        terminal.line(str(row))
    result_file.write(parsed.json, None, [row])


if __name__ == "__main__":
    main()
