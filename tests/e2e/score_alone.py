"""Run by test_pipeline without Everlong: scores serialized examples and raw tensors."""

import glob
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

model_path, examples_path = sys.argv[1:]
model = tf.saved_model.load(model_path)
files = sorted(glob.glob(os.path.join(examples_path, "*")))
serialized = list(tf.data.TFRecordDataset(files, "GZIP").take(20).as_numpy_iterator())
together = model.signatures["serving_default"](tf.constant(serialized))["probability"].numpy()[:, 0]

score = model.signatures["score"]
wanted = score.structured_input_signature[1]
differences = []
for record, expected in zip(serialized, together, strict=True):
    example = tf.train.Example.FromString(record)
    length = len(example.features.feature["history_time"].int64_list.value)
    inputs = {"history_length": tf.constant([length], tf.int64)}
    for name in wanted.keys() - inputs.keys():
        feature = example.features.feature[name]
        values = np.array(getattr(feature, feature.WhichOneof("kind")).value)
        inputs[name] = tf.constant(values[None, :], wanted[name].dtype)
    differences.append(abs(float(score(**inputs)["probability"].numpy()[0, 0]) - float(expected)))
print(
    json.dumps(
        {
            "examples": len(serialized),
            "largest_difference": max(differences),
            "least": float(together.min()),
            "most": float(together.max()),
            "everlong_modules": [
                m for m in sys.modules if m.split(".")[0] in ("pipeline", "components", "models")
            ],
        }
    )
)
