"""What a service must know of an exported model, written beside it: as JSON, and to be read.

`everlong_model.json` is for programs, `README.md` for people; both lie in the SavedModel's folder,
where TensorFlow Serving ignores them, and travel with it.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import tensorflow as tf
import tensorflow_transform as tft

from models import feature_config, features
from models.json_text import without_nan
from models.preprocessing import VOCABULARIES
from models.signatures import ServingModule
from models.training_config import RunSettings

README = "README.md"
_TEMPLATE = Path(__file__).with_name("contract.md.j2")
_BEHAVIORS, _TARGETS = 3, 2  # of the example request


def of(
    served: ServingModule,
    transform_output: tft.TFTransformOutput,
    settings: RunSettings,
    span: tuple[int, int],
    validation: Mapping[str, float],
) -> dict[str, Any]:
    """Returns the contract of a model as plain JSON.

    Args:
      served: exported.
      transform_output: of the Transform run on whose examples it was trained.
      settings: of its training.
      span: first and last time of these examples.
      validation: what was said of the epoch whose weights are exported.
    """
    of_label = {
        output: f"chance that the label{f' {name}' if name else ''} is 1"
        for output, name in zip(served.probabilities, settings.labels.names, strict=True)
    }
    for name, task in settings.labels.others.items():
        if task.given:
            of_label[features.probability(name)] += f", and {task.given} is"
    of_label |= {
        output: f"logit of `{probability}` before calibration"
        for output, probability in zip(served.logits, served.probabilities, strict=False)
    }
    spec = served.score_spec()
    history = settings.history
    return without_nan(
        {
            "model": settings.model.name,
            "tensorflow": tf.__version__,
            "signatures": {
                features.SCORE: {
                    "inputs": {
                        name: {
                            "dtype": tensor.dtype.name,
                            "shape": _shape(name),
                            "required": True,
                            "meaning": _meaning(name, settings),
                        }
                        for name, tensor in sorted(spec.items())
                    },
                    "outputs": {
                        name: {"dtype": "float32", "shape": ["n", "T"], "meaning": meaning}
                        for name, meaning in of_label.items()
                    },
                },
                features.SERVING_DEFAULT: {
                    "inputs": {"examples": {"dtype": "string", "shape": ["n"], "required": True}},
                    "features": {
                        name: {
                            "dtype": tensor.dtype.name,
                            "required": True,
                            "meaning": _meaning(name, settings),
                        }
                        for name, tensor in sorted(spec.items())
                        if name != features.HISTORY_LENGTH
                    }
                    | {
                        features.TARGET_HIST_END: {
                            "dtype": "int64",
                            "required": False,
                            "meaning": "behaviours that a target sees; without it, those that "
                            "came before it",
                        }
                    },
                    "outputs": list(of_label),
                },
            },
            "history": {
                "order": "oldest first",
                "max_length": history.max_length,
                "same_second_is_seen": history.ties == "order",
                "session_gap": history.session_gap,
            },
            "time": {
                "unit": "seconds since 1970" if history.clock else "an order",
                "first_of_training": span[0],
                "last_of_training": span[1],
            },
            "top_k": getattr(settings.model, "top_k", None),
            "vocabularies": _vocabularies(transform_output, settings),
            "validation": dict(validation),
            "example": _example(spec, transform_output, settings, span),
        }
    )


def write(folder: str, told: Mapping[str, Any]) -> None:
    """Writes both files into the folder of the SavedModel."""
    for name, text in (
        (features.CONTRACT, json.dumps(told, indent=2) + "\n"),
        (README, _readme(told)),
    ):
        with tf.io.gfile.GFile(os.path.join(folder, name), "w") as file:
            file.write(text)


def _readme(told: Mapping[str, Any]) -> str:
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(told, body=json.dumps(_body(told["example"])))


def _body(example: Mapping[str, Any]) -> dict[str, Any]:
    """The example as TensorFlow Serving's REST API takes it."""
    return {"signature_name": features.SCORE, "inputs": example}


def _shape(name: str) -> list[str]:
    if name == features.HISTORY_LENGTH:
        return ["n"]
    if name.startswith(features.HISTORY_PREFIX):
        return ["n", "L"]
    return ["n", "V" if name.startswith(features.user_feature("")) else "T"]


def _meaning(name: str, settings: RunSettings) -> str:
    unit = "seconds since 1970" if settings.history.clock else "an order"
    roles = {
        features.HISTORY_LENGTH: "behaviours of each history; what follows them is padding",
        features.HISTORY_ITEM: "items, oldest first, ids as in the log; 0 or more",
        features.HISTORY_CATEGORY: "their categories",
        features.HISTORY_TIME: f"when, rising, {unit}",
        features.HISTORY_BEHAVIOR: "what was done",
        features.TARGET_ITEM: "candidates; at least one",
        features.TARGET_CATEGORY: "their categories",
        features.TARGET_TIME: f"when they are shown, {unit}",
    }
    if name in roles:
        return roles[name]
    for prefix, of in (
        (features.HISTORY_PREFIX, "of each behaviour"),
        (features.TARGET_PREFIX, "of each candidate's request"),
        (features.user_feature(""), "of the user"),
    ):
        if name.startswith(prefix):
            feature = settings.features[name.removeprefix(prefix)]
            missing = "NaN" if feature.type == "number" else '""'
            empty = "no value" if feature.type == "ids" else missing
            return f"feature {name.removeprefix(prefix)!r} {of}; {empty} where it is missing"
    return ""


def _vocabularies(transform_output: tft.TFTransformOutput, settings: RunSettings) -> dict[str, int]:
    """How many values each vocabulary knows."""
    tables = [*VOCABULARIES, *feature_config.tables_of(settings.features)]
    return {
        name: transform_output.vocabulary_size_by_name(name)
        for name in tables
        if transform_output.vocabulary_file_by_name(name) is not None
    }


def _example(
    spec: Mapping[str, tf.TensorSpec],
    transform_output: tft.TFTransformOutput,
    settings: RunSettings,
    span: tuple[int, int],
) -> dict[str, Any]:
    """A request of `score` for one user, made of the most frequent values that training knew."""
    of_table: dict[str, str] = {}
    for table, columns in VOCABULARIES.items():
        of_table |= dict.fromkeys(columns, table)
    for table, named in feature_config.tables_of(settings.features).items():
        for name in named:
            columns = feature_config.columns(name, settings.features[name])
            of_table |= dict.fromkeys(columns, table)
    last = span[1]
    found: dict[str, Any] = {}
    for name, tensor in spec.items():
        size = {"L": _BEHAVIORS, "T": _TARGETS}.get(_shape(name)[-1], 1)
        if name == features.HISTORY_LENGTH:
            found[name] = [_BEHAVIORS]
        elif name == features.HISTORY_TIME:
            found[name] = [[max(last - 60 * (size - i), span[0]) for i in range(size)]]
        elif name == features.TARGET_TIME:
            found[name] = [[last + 1] * size]
        elif tensor.dtype.is_floating:
            found[name] = [[1.0] * size]
        else:
            known = _first(transform_output, of_table.get(name), size)
            values = [known[i % len(known)] if known else b"0" for i in range(size)]
            as_text = tensor.dtype == tf.string
            found[name] = [[v.decode(errors="replace") if as_text else int(v) for v in values]]
    return found


def _first(transform_output: tft.TFTransformOutput, table: str | None, count: int) -> list[bytes]:
    """The most frequent values of a vocabulary; none where the table has no vocabulary."""
    path = table and transform_output.vocabulary_file_by_name(table)
    if not path:
        return []
    with tf.io.gfile.GFile(path, "rb") as file:
        return [line.rstrip(b"\n") for line in itertools.islice(file, count)]
