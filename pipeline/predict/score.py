"""Scores every target of a split with an exported model, into a Parquet file."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.errors import InputError
from components.scoring import by_user, exported_model, predictions
from models import features, lists, metrics
from models.metric_table import METRICS, counts, evaluate
from pipeline.result_file import aside_of
from pipeline.terminal.console import Terminal

_LINE_SECONDS = 10.0
_COLUMNS = {
    "item": features.TARGET_ITEM,
    "time": features.TARGET_TIME,
    "request": features.TARGET_REQUEST,
    "label": features.LABEL,
}


def predict(
    model: exported_model.Model, files: list[str], targets: int, out: Path, terminal: Terminal
) -> dict[str, float]:
    """Writes a row for each target: user, item, time, request, label (null: unknown) and score.

    Of labels beside the primary one there are `label_<name>` and `score_<name>`, likewise; `weight`
    where targets have one.

    Args:
      model: exported.
      files: of the split's examples.
      targets: how many they hold, for progress.
      out: Parquet file to write; it is complete or not there.
      terminal: where progress goes.

    Returns:
      Metrics of the rows with a label, those within users where requests tell of them; nothing if
      there are none.

    Raises:
      InputError: if the files hold no example.
    """
    aside = aside_of(out)
    parts: list[metrics.Predictions] = []
    done, told = 0, time.monotonic()
    decoder, writer = ExamplesToRecordBatchDecoder(), None
    with contextlib.ExitStack() as ended:
        ended.callback(aside.unlink, missing_ok=True)
        for block in itertools.chain.from_iterable(map(exported_model.blocks, files)):
            examples = decoder.DecodeBatch(block)
            rows = table(examples, by_user.score(model, examples, model.reads), model.labels)
            if writer is None:
                opened = pq.ParquetWriter(aside, rows.schema, compression="zstd")
                writer = ended.enter_context(opened)
            writer.write_table(rows)
            parts.append(predictions.of_model(rows.filter(rows["label"].is_valid())))
            done += rows.num_rows
            if time.monotonic() - told > _LINE_SECONDS:
                told = time.monotonic()
                terminal.line(f"  {done:,} of {targets:,} targets scored")
        if writer is None:
            raise InputError(
                f"{files[0]}: holds no example, nor does any file beside it, but there should be "
                f"{targets:,} targets. Remove this folder, so that the examples are made again"
            )
        writer.close()
        os.replace(aside, out)
    found = metrics.Predictions.merge(parts)
    if not len(found.labels):
        return {}
    told = lists.protocol(found.users, found.requests, found.labels) == lists.REQUEST
    names = [name for name, metric in METRICS.items() if told or not metric.within_users]
    return evaluate(found, names) | counts(found)


def table(examples: pa.RecordBatch, scores: np.ndarray, labels: Sequence[str] = ()) -> pa.Table:
    """A row for each target of decoded examples, ids as in the log.

    Args:
      examples: [n] lists by feature.
      scores: [targets, 1 + labels], the primary label's first.
      labels: names of the others.
    """
    targets = by_user.lengths(examples, features.TARGET_ITEM)
    example = pa.array(np.repeat(np.arange(examples.num_rows), targets))
    columns = {"user": examples.column(features.USER_ID).flatten().take(example)}
    further = {predictions.of_label("label", name): features.label_feature(name) for name in labels}
    further[predictions.WEIGHT] = features.TARGET_WEIGHT
    raw = _COLUMNS | {n: f for n, f in further.items() if f in examples.schema.names}
    columns |= {name: examples.column(feature).flatten() for name, feature in raw.items()}
    for name in raw:
        if name.startswith("label"):
            known = columns[name]
            columns[name] = pc.if_else(pc.is_nan(known), pa.scalar(None, known.type), known)
    names = ["score", *(predictions.of_label("score", name) for name in labels)]
    found = {name: scores[:, place] for place, name in enumerate(names)}
    return pa.table({name: _text(x) for name, x in columns.items()} | found)


def _text(values: pa.Array) -> pa.Array:
    is_bytes = pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type)
    return values.cast(pa.string()) if is_bytes else values
