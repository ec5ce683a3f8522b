"""The exported model against the model in memory, and in a process that knows only TensorFlow."""

from __future__ import annotations

import collections
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from models import features, signatures
from models.buckets import BatchShape
from models.calibration import Calibration
from models.config import DinConfig
from models.context_calibration import ContextCalibration
from models.features import PROBABILITY, SCORE, SERVING_DEFAULT, FeatureSizes
from models.inputs import Layout, Split
from models.label_config import ONE_LABEL
from models.preprocessing import feature_sizes
from models.registry import build_model
from models.settings import HistorySettings
from models.signatures import ServingModule
from tests.models.served import load_signatures
from tests.models.transformed import HISTORY, MATCH, RawExample, Transformed, serialize

T = HISTORY["targets_per_example"]
TOLD_LATER = signatures.NOT_SERVED | {features.TARGET_HIST_END}
# Batches of other shapes are the same sums of float32 in another order, which each CPU chooses.
# Attention scores of this model reach 160, where one rounding is worth 8e-6, and a probability
# moves by a quarter of its logit at most: room for ten roundings. Users differ by 0.2 and more.
OTHER_ORDER = 2e-5
CONFIG = DinConfig(name="din", item_dim=8, category_dim=4, num_heads=2, mlp_units=(16,))
FRESH = """
import json, sys
import numpy as np, tensorflow as tf
signatures = tf.saved_model.load("model").signatures
examples = tf.constant([bytes.fromhex(text) for text in json.load(open("examples.json"))])
tensors = {name: tf.constant(array) for name, array in np.load("tensors.npz").items()}
scores = {
    "serving_default": signatures["serving_default"](examples)["probability"].numpy(),
    "score": signatures["score"](**tensors)["probability"].numpy(),
}
foreign = {name.split(".")[0] for name in sys.modules} & {"models", "tensorflow_transform", "tfx"}
assert not foreign, foreign
np.savez("scores.npz", **scores)
"""


@pytest.fixture(scope="module", params=["transformed", "transformed_bytes", "transformed_features"])
def case(request, tmp_path_factory):
    """(Transform's outputs, model, folder of its SavedModel, signatures)."""
    transformed = request.getfixturevalue(request.param)
    items = transformed.items()
    model = build_model(
        CONFIG, feature_sizes(transformed.output, transformed.settings, items), seed=1
    )
    for variable in model.trainable_variables:  # far from the start, where all scores are 0.5
        stddev = 0.3 if items is None else 0.15  # sums of many features are larger
        variable.assign_add(tf.random.stateless_normal(variable.shape, [1, 2], stddev=stddev))
    folder = tmp_path_factory.mktemp("served")
    settings = HistorySettings(**HISTORY)
    ServingModule(model, transformed.output, settings).export(str(folder / "model"))
    return transformed, model, folder, load_signatures(folder / "model")


def validation_batch(transformed: Transformed, model: tf.keras.Model) -> tuple[dict, np.ndarray]:
    """Returns all of `validation` as one of the batches that train, and its users."""
    files = tf.io.gfile.glob(transformed.files("validation"))
    spec = transformed.output.transformed_feature_spec()
    split = Split(files, spec, Layout.of(model.sizes), 2**30)
    shape = BatchShape(30, HISTORY["max_length"], T)
    ((dataset, (users,)),) = split.batches([shape], None)
    (batch,) = dataset
    return batch, users


def in_memory(transformed: Transformed, model: tf.keras.Model) -> dict:
    """Returns probabilities of every user of `validation`, from the batches that train."""
    batch, users = validation_batch(transformed, model)
    scores = tf.sigmoid(model(batch)).numpy()
    valid = batch[features.TARGET_VALID].numpy()
    return {user: scores[row][valid[row]] for row, user in enumerate(users)}


def score(served, examples: list[RawExample]) -> np.ndarray:
    serialized = tf.constant([serialize(example) for example in examples])
    return served[SERVING_DEFAULT](serialized)[PROBABILITY]


def request(example: RawExample) -> RawExample:
    """Returns what a client knows: no label, no positions."""
    return {name: values for name, values in example.items() if name not in TOLD_LATER}


def equally_many_targets(transformed: Transformed) -> list[RawExample]:
    """Returns users of `validation` with as many targets as most of them."""
    examples = transformed.splits["validation"]
    counts = collections.Counter(len(example[features.LABEL]) for example in examples)
    (most, _), *_ = counts.most_common(1)
    return [example for example in examples if len(example[features.LABEL]) == most]


def raw_tensors(examples: list[RawExample]) -> dict[str, np.ndarray]:
    """Returns the arguments of `score` for users with equally many targets."""
    tensors = {features.HISTORY_LENGTH: np.array([len(e[features.HISTORY_ITEM]) for e in examples])}
    for name in request(examples[0]):
        values = [e[name] for e in examples]
        size = max(map(len, values))
        first = next((row[0] for row in values if row), b"")
        padding = b"" if isinstance(first, bytes) else 0
        rows = [row + [padding] * (size - len(row)) for row in values]
        kind = {float: np.float32, bytes: "S9"}.get(type(first))
        tensors[name] = np.array(rows, kind).reshape(len(values), size)
    return tensors


def test_serving_equals_the_model_in_memory(case):
    transformed, model, _, served = case
    expected = in_memory(transformed, model)
    examples = transformed.splits["validation"]
    for variant in (examples, [request(example) for example in examples]):
        scores = score(served, variant)
        for example, row in zip(examples, scores, strict=True):
            target = expected[example[features.USER_ID][0]]
            np.testing.assert_allclose(row[: len(target)], target, atol=OTHER_ORDER)
            assert not row[len(target) :].any()
    assert np.std(np.concatenate(list(expected.values()))) > 0.01


def test_both_signatures_give_the_same_numbers(case):
    transformed, *_, served = case
    examples = equally_many_targets(transformed)
    tensors = {name: tf.constant(x) for name, x in raw_tensors(examples).items()}
    scores = served[SCORE](**tensors)[PROBABILITY]
    np.testing.assert_allclose(scores, score(served, examples), atol=OTHER_ORDER)


@pytest.mark.parametrize("case", ["transformed"], indirect=True)
def test_a_fresh_process_needs_nothing_of_everlong(case):
    transformed, _, folder, served = case
    examples = equally_many_targets(transformed)
    hexes = [serialize(request(example)).hex() for example in examples]
    (folder / "examples.json").write_text(json.dumps(hexes))
    np.savez(folder / "tensors.npz", **raw_tensors(examples))
    (folder / "fresh.py").write_text(FRESH)
    environment = ["env", "-i", f"PATH={Path(sys.executable).parent}"]
    subprocess.run([*environment, sys.executable, "-I", "fresh.py"], cwd=folder, check=True)
    scores = np.load(folder / "scores.npz")
    for name in (SERVING_DEFAULT, SCORE):
        np.testing.assert_allclose(scores[name], score(served, examples), atol=OTHER_ORDER)


def test_users_do_not_depend_on_each_other(case, monkeypatch):
    transformed, model, _, served = case
    examples = transformed.splits["validation"]
    together = score(served, examples)
    for place in (0, 7):
        alone = score(served, [examples[place]])[0]
        np.testing.assert_allclose(together[place, : len(alone)], alone, atol=OTHER_ORDER)
    monkeypatch.setattr(signatures, "CHUNK", 32 * (T + 16) * 4)  # 4 of 30 users
    module = ServingModule(model, transformed.output, HistorySettings(**HISTORY))
    chunked = module.serving_default(tf.constant([serialize(e) for e in examples]))
    np.testing.assert_allclose(chunked[PROBABILITY].numpy(), together, atol=OTHER_ORDER)


class MatchReader:
    """Stands for a model: a target's logit is a tenth of the sum of its matches."""

    variables = ()
    sizes = FeatureSizes(item=1, category=1)
    labels = ONE_LABEL
    embeddings = ()

    def __init__(self, reads_match: bool) -> None:
        self.reads_match = reads_match

    def embed_all_items(self) -> None:
        pass

    def label_logits(self, batch, training):
        assert (features.TARGET_MATCH in batch) == self.reads_match
        if not self.reads_match:
            return tf.zeros_like(batch[features.TARGET_ITEM])[..., None]
        return tf.reduce_sum(batch[features.TARGET_MATCH], -1, keepdims=True) / 10


@pytest.mark.parametrize("reads_match", [False, True])
def test_matches_are_computed_for_a_model_that_reads_them(transformed, reads_match):
    settings = HistorySettings(**HISTORY)
    module = ServingModule(MatchReader(reads_match), transformed.output, settings)
    examples = transformed.splits["validation"]
    served = module.serving_default(tf.constant([serialize(e) for e in examples]))
    for example, row in zip(examples, served[PROBABILITY].numpy(), strict=True):
        matches = np.reshape(example[features.TARGET_MATCH], [-1, MATCH])
        logits = matches.sum(1) / 10 if reads_match else np.zeros(len(matches))
        np.testing.assert_allclose(row[: len(logits)], 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_signatures_share_what_scores(case):
    """All load and compile what is in a SavedModel: Pusher, Evaluator, every service."""
    *_, folder, served = case
    saved = saved_model_pb2.SavedModel.FromString((folder / "model/saved_model.pb").read_bytes())
    functions = [f.signature.name for f in saved.meta_graphs[0].graph_def.library.function]
    assert len(served) >= 2
    assert sum("_score_checked_" in name for name in functions) == 1
    assert sum("__scores_" in name for name in functions) == 2  # of one target alone, of several


def test_nobody(case):
    assert case[3][SERVING_DEFAULT](tf.constant([], tf.string))[PROBABILITY].shape[0] == 0


def test_only_the_newest_behaviors_count(case):
    *_, served = case
    examples = case[0].splits["validation"]
    long = max(examples, key=lambda e: len(e[features.HISTORY_ITEM]))
    old = next(e for e in examples if e[features.HISTORY_ITEM])
    count = HISTORY["max_length"] - len(long[features.HISTORY_ITEM])
    longer, longest = dict(request(long)), dict(request(long))
    for name in request(long):
        if name.startswith(features.HISTORY_PREFIX):
            earlier = (old[name] * HISTORY["max_length"])[:count]
            if name == features.HISTORY_TIME:
                earlier = [long[name][0] - 7] * count
            filled = earlier + long[name]
            longer[name], longest[name] = filled, earlier[:1] * 5 + filled
    np.testing.assert_allclose(score(served, [longest]), score(served, [longer]), atol=1e-6)


@pytest.mark.parametrize("case", ["transformed_features"], indirect=True)
def test_empty_values_take_no_place(case):
    """Tensors fill up on either side; three values of `taste` are read."""
    *_, served = case
    example = request(case[0].splits["validation"][1])
    few, none = example | {"user_taste": [b"t1", b"t2"]}, example | {"user_taste": []}
    filled = example | {"user_taste": [b"", b"", b"t1", b"", b"t2", b""]}
    expected, empty, found = score(served, [few, none, filled])
    np.testing.assert_allclose(found, expected, atol=OTHER_ORDER)
    assert np.abs(expected - empty).max() > 1e-4
    tensors = {name: tf.constant(x) for name, x in raw_tensors([filled]).items()}
    np.testing.assert_allclose(
        served[SCORE](**tensors)[PROBABILITY][0], expected[: len(example["target_item"])],
        atol=OTHER_ORDER,
    )  # fmt: skip


def test_what_comes_after_the_targets_takes_no_place_of_what_they_see(case):
    """A history as it is today scores what was shown earlier as the history of then does."""
    *_, served = case
    long = max(case[0].splits["validation"], key=lambda e: len(e[features.HISTORY_ITEM]))
    today = dict(request(long))
    count = HISTORY["max_length"] + 5
    for name in today:
        if name.startswith(features.HISTORY_PREFIX):
            later = (long[name] * count)[:count]
            if name == features.HISTORY_TIME:
                later = [max(long[features.TARGET_TIME])] * count  # in its second, so not before it
            today[name] = long[name] + later
    then = score(served, [request(long)])
    assert len(long[features.HISTORY_ITEM]) >= 20
    np.testing.assert_allclose(score(served, [today]), then, atol=OTHER_ORDER)
    ends = {features.TARGET_HIST_END: [len(long[features.HISTORY_ITEM])] * then.size}
    np.testing.assert_allclose(score(served, [today | ends]), then, atol=OTHER_ORDER)
    one = {n: x[-1:] if n.startswith("target_") else x for n, x in today.items()}
    np.testing.assert_allclose(score(served, [one])[0, 0], then[0, -1], atol=OTHER_ORDER)


def test_a_given_end_hides_what_follows(case):
    *_, served = case
    example = dict(max(case[0].splits["validation"], key=lambda e: len(e[features.HISTORY_ITEM])))
    end = len(example[features.HISTORY_ITEM]) - 5
    seen = request(example)
    short = seen | {
        name: values[:end] for name, values in seen.items() if name.startswith("history_")
    }
    targets = len(example[features.TARGET_ITEM])
    hidden = seen | {features.TARGET_HIST_END: [end] * targets}
    np.testing.assert_allclose(score(served, [hidden]), score(served, [short]), atol=OTHER_ORDER)
    assert not np.allclose(score(served, [seen]), score(served, [short]), atol=1e-4)


def test_the_vocabularies_are_assets(case):
    folder = case[2]
    assets = {path.name for path in (folder / "model" / "assets").iterdir()}
    assert {features.ITEM, features.CATEGORY} <= assets
    assert not list(folder.glob("model/keras*"))


def test_the_model_is_saved_once_for_both_signatures_and_without_forms_of_keras(case):
    """Each service loads all that is saved, whether it calls it or not."""
    content = (case[2] / "model" / "saved_model.pb").read_bytes()
    (saved,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    kinds = {node.user_object.identifier for node in saved.object_graph_def.nodes}
    assert kinds and not [kind for kind in kinds if "keras" in kind]
    functions = [function.signature.name for function in saved.graph_def.library.function]
    of_scores = [name for name in functions if name.startswith("__inference__scores_")]
    assert len(of_scores) == 2  # of one user's one target, and of any others


def test_curves_of_contexts_are_served_as_they_were_fitted(case, tmp_path):
    transformed, model, *_ = case
    batch, users = validation_batch(transformed, model)
    context = model.context(batch)
    # The length's logarithm comes first.
    visible = np.minimum(
        batch[features.TARGET_HIST_END], batch[features.HISTORY_LENGTH].numpy()[:, None]
    )
    valid = batch[features.TARGET_VALID].numpy()
    np.testing.assert_allclose(context.numpy()[valid][:, 0], np.log1p(visible[valid]), rtol=1e-6)
    width = context.shape[-1]
    curve = ContextCalibration(np.zeros(width), np.ones(width), seed=1)
    for layers in (curve.slope, curve.scale):
        layers[-1][0].assign(tf.random.stateless_normal(layers[-1][0].shape, [1, 2], stddev=0.1))
    expected = tf.sigmoid(curve(model.label_logits(batch)[..., 0], context)).numpy()
    module = ServingModule(
        model, transformed.output, HistorySettings(**HISTORY), calibrations=[curve]
    )
    module.export(str(tmp_path / "model"))
    loaded = load_signatures(tmp_path / "model")
    examples = transformed.splits["validation"]
    found = score(loaded, examples)
    of_user = {user: expected[row][valid[row]] for row, user in enumerate(users)}
    for example, row in zip(examples, found, strict=True):
        target = of_user[example[features.USER_ID][0]]
        np.testing.assert_allclose(row[: len(target)], target, atol=OTHER_ORDER)
    one = {n: x[:1] if n.startswith("target_") else x for n, x in examples[0].items()}
    np.testing.assert_allclose(score(loaded, [one])[0, 0], found[0, 0], atol=OTHER_ORDER)
    plain = in_memory(transformed, model)
    assert any(np.abs(of_user[user] - plain[user]).max() > 0.02 for user in plain)


def test_a_calibrated_model_returns_the_logit_as_it_was(case):
    transformed, model, _, exported = case
    line = Calibration((0.0,), (-0.5,), slope=0.5)
    served = ServingModule(
        model, transformed.output, HistorySettings(**HISTORY), calibrations=[line]
    )
    examples = tf.constant([serialize(e) for e in transformed.splits["validation"][:3]])
    found = served.serving_default(examples)
    assert list(found) == ["probability", "logit"]
    plain = exported[SERVING_DEFAULT](examples)["probability"]
    there = plain > 0  # what is padded has neither
    logit = found["logit"].numpy()
    np.testing.assert_allclose(1 / (1 + np.exp(-logit[there])), plain[there], atol=OTHER_ORDER)
    calibrated = 1 / (1 + np.exp(0.5 - 0.5 * logit))
    np.testing.assert_allclose(
        found["probability"], np.where(there, calibrated, 0), atol=OTHER_ORDER
    )
    assert not logit[~there].any()
