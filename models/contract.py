"""What a service must know of an exported model, written beside it: as JSON, and to be read.

`everlong_model.json` is for programs, `README.md` for people; both lie in the SavedModel's folder,
where TensorFlow Serving ignores them, and travel with it.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models import content, feature_config, features
from models.example_request import ExampleRequests, as_lists
from models.feature_config import IdFeature, IdsFeature, NumberFeature
from models.json_text import without_nan
from models.preprocessing import VOCABULARIES
from models.requests import MOST_PAIRS
from models.signatures import ServingModule
from models.training_config import RunSettings

README = "README.md"
_CELL = ", of the log's cell what stands "
_TEMPLATE = Path(__file__).with_name("contract.md.j2")
_BEHAVIORS, _TARGETS = 3, 2  # of the example request
_RANGES = 10  # of scores


def of(
    served: ServingModule,
    transform_output: tft.TFTransformOutput,
    settings: RunSettings,
    span: tuple[int, int],
    validation: Mapping[str, float | str],
    scores: np.ndarray,
    requests: ExampleRequests,
) -> dict[str, Any]:
    """Returns the contract of a model as plain JSON.

    Args:
      served: exported.
      transform_output: of the Transform run on whose examples it was trained.
      settings: of its training.
      span: first and last time of these examples.
      validation: what was said of the epoch whose weights are exported, and, as `protocol`, how
        metrics within users were measured.
      scores: [N] that it gives the validation split's targets, of the primary label.
      requests: of which one is its example.
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
    spec, read = served.score_spec(), tables(transform_output, settings)
    history = settings.history
    new = {
        name: {
            "dtype": served.score_spec(new_items=True)[name].dtype.name,
            "shape": ["n", "T"],
            "required": True,
            "meaning": _of_new_items(name.removeprefix(features.TARGET_PREFIX), feature),
        }
        for name, feature in served.new_items.features.items()
    }
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
                        | ({"vocabulary": read[name]} if name in read else {})
                        | ({"before": cut} if (cut := _before(name, settings)) else {})
                        for name, tensor in sorted(spec.items())
                    },
                    "outputs": {
                        name: {"dtype": "float32", "shape": ["n", "T"], "meaning": meaning}
                        for name, meaning in of_label.items()
                    },
                },
                **({features.SCORE_NEW_ITEMS: {"further_inputs": new}} if new else {}),
                features.SERVING_DEFAULT: {
                    "inputs": {"examples": {"dtype": "string", "shape": ["n"], "required": True}},
                    "features": {
                        name: {
                            "dtype": tensor.dtype.name,
                            "required": not _is_several(name, settings),
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
                    }
                    | {name: one | {"required": False} for name, one in new.items()},
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
            "item_features": {
                name: feature.model_dump(mode="json")
                for name, feature in feature_config.of("item", settings.features).items()
            },
            "vocabularies": _vocabularies(transform_output, settings),
            "most_pairs": MOST_PAIRS,
            "split": settings.split,
            "drawn_negatives": settings.drawn_negatives,
            "validation": dict(validation),
            features.VALIDATION_SCORES: spread(scores),
            "example": as_lists(requests.draw(_BEHAVIORS, _TARGETS)),
        }
    )


def spread(scores: np.ndarray) -> dict[str, list[float]]:
    """Returns how scores [N] are spread: bounds of ranges, and the share of them in each.

    Bounds are the deciles of those that are finite, fewer where some are equal; what equals a bound
    is below it.
    """
    scores = scores[np.isfinite(scores)]
    if not len(scores):
        return {"bounds": [], "shares": []}
    bounds = np.unique(np.quantile(scores, np.arange(1, _RANGES) / _RANGES, method="higher"))
    ranges = np.searchsorted(bounds, scores)
    shares = np.bincount(ranges, minlength=len(bounds) + 1) / len(scores)
    return {"bounds": bounds.tolist(), "shares": shares.tolist()}


def example_requests(
    served: ServingModule,
    transform_output: tft.TFTransformOutput,
    settings: RunSettings,
    span: tuple[int, int],
) -> ExampleRequests:
    """Returns what draws requests of a model that is not exported yet; arguments as of `of`."""
    known = tables(transform_output, settings)
    files = {name: str(transform_output.vocabulary_file_by_name(of)) for name, of in known.items()}
    return ExampleRequests(served.score_spec(), files, span[1])


def write(folder: str, told: Mapping[str, Any]) -> None:
    """Writes both files into the folder of the SavedModel, whose other files are all there.

    Their sizes are told, too: of a copy that was cut short, a table of ids is read all the same.
    """
    own = features.CONTRACT, README
    files = {name: size for name, size in content.sizes(folder).items() if name not in own}
    told = {**told, features.FILES: files}
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
    signatures = told["signatures"]
    new = signatures.get(features.SCORE_NEW_ITEMS, {}).get("further_inputs", {})
    inputs = [*signatures[features.SCORE]["inputs"].values(), *new.values()]
    return template.render(
        told,
        many=any("V" in one["shape"] for one in inputs),
        cut=any(_CELL in one["meaning"] for one in inputs),
        body=shlex.quote(json.dumps(_body(told["example"]))),
    )


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
        features.HISTORY_CATEGORY: "the categories of these items",
        features.HISTORY_TIME: f"when, rising, {unit}",
        features.HISTORY_BEHAVIOR: "what was done",
        features.TARGET_ITEM: "candidates; at least one",
        features.TARGET_CATEGORY: "the categories of the candidates",
        features.TARGET_TIME: f"when they are shown, {unit}",
    }
    if name in roles:
        return roles[name] + _cut(None, _before(name, settings))
    for prefix, of in (
        (features.HISTORY_PREFIX, "of each behaviour"),
        (features.TARGET_PREFIX, "of each candidate's request"),
        (features.user_feature(""), "of the user"),
    ):
        if name.startswith(prefix):
            feature = settings.features[name.removeprefix(prefix)]
            what = f"feature {name.removeprefix(prefix)!r} {of}{_cut_of(feature)}"
            if isinstance(feature, IdsFeature):
                return f'{what}, up to {feature.max_values} values; "" fills up, or stands for none'
            return f"{what}; {_missing(feature)} where it is missing"
    return ""


def _is_several(name: str, settings: RunSettings) -> bool:
    """Whether an input has several values of a user, of which there may be none."""
    user = features.user_feature("")
    feature = settings.features.get(name.removeprefix(user)) if name.startswith(user) else None
    return isinstance(feature, IdsFeature)


def _missing(feature: feature_config.Feature) -> str:
    return "NaN" if isinstance(feature, NumberFeature) else '""'


def _before(name: str, settings: RunSettings) -> str | None:
    """What the log's column cuts the ids of an input before."""
    roles = (role for role, inputs in VOCABULARIES.items() if name in inputs)
    return settings.before.get(next(roles, ""))


def _cut_of(feature: feature_config.Feature) -> str:
    return _cut(feature.after, feature.before) if isinstance(feature, IdFeature) else ""


def _cut(after: str | None, before: str | None) -> str:
    """Which part of a cell of the log a value is: the graph does not cut."""
    parts = [f"behind the last {after!r}"] if after else []
    parts += [f"before the {'next' if after else 'first'} {before!r}"] if before else []
    return f"{_CELL}{' and '.join(parts)}" if parts else ""


def _of_new_items(name: str, feature: feature_config.Feature) -> str:
    several = f", with {feature.separator!r} between values" if feature.type == "ids" else ""
    return (
        f"feature {name!r} of each candidate{several}{_cut_of(feature)}; read where the item is "
        f"unknown, {_missing(feature)} where it is missing"
    )


def tables(transform_output: tft.TFTransformOutput, settings: RunSettings) -> dict[str, str]:
    """The vocabulary of each feature that has one, by its name in examples and requests."""
    named = {
        table: [c for name in names for c in feature_config.columns(name, settings.features[name])]
        for table, names in feature_config.tables_of(settings.features).items()
    }
    return {
        column: table
        for table, columns in (VOCABULARIES | named).items()
        for column in columns
        if transform_output.vocabulary_file_by_name(table) is not None
    }


def _vocabularies(transform_output: tft.TFTransformOutput, settings: RunSettings) -> dict[str, int]:
    """How many values each vocabulary knows."""
    names = dict.fromkeys(tables(transform_output, settings).values())
    return {name: transform_output.vocabulary_size_by_name(name) for name in names}
