"""What a model runs for one request: its operations, and how much of them vocabularies take."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from models.features import SCORE

if TYPE_CHECKING:
    from pipeline.serve.model import Model

Request = Mapping[str, np.ndarray]
_LOOKUP = "LookupTableFind"  # ids of the log as indices
_BEFORE = 3  # runs, in which memory is first taken


def operations(model: Model, request: Request) -> list[tuple[str, float]]:
    """Returns the kind and the seconds of every operation that `score` runs, constants included."""
    import tensorflow as tf

    v1 = tf.compat.v1
    signature = model.definition[SCORE]
    feed = {signature.inputs[name].name: values for name, values in request.items()}
    fetch = [output.name for output in signature.outputs.values()]
    for _ in range(_BEFORE):
        model.session.run(fetch, feed)
    metadata = v1.RunMetadata()
    options = v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE)
    model.session.run(fetch, feed, options=options, run_metadata=metadata)
    return [
        (_kind(one.timeline_label), (one.op_end_rel_nanos - one.op_start_rel_nanos) / 1e9)
        for device in metadata.step_stats.dev_stats
        for one in device.node_stats
    ]


def lookup_share(model: Model, requests: Sequence[Request]) -> float:
    """Returns which share of the time of all operations goes into looking ids up: the median."""
    shares = []
    for request in requests:
        ran = operations(model, request)
        looking = sum(seconds for kind, seconds in ran if kind.startswith(_LOOKUP))
        shares.append(looking / sum(seconds for _, seconds in ran))
    return statistics.median(shares)


def _kind(label: str) -> str:
    """Of "name = Kind(inputs)"."""
    return label.partition(" = ")[2].partition("(")[0]
