"""Values of JSON bodies as the inputs of a signature."""

import types

import pytest
import tensorflow as tf

from pipeline.serve import json_tensors
from pipeline.serve.errors import RequestError

SIGNATURE = types.SimpleNamespace(
    inputs={
        "dwell": tf.TensorSpec([None], tf.float32),
        "count": tf.TensorSpec([None, None], tf.int64),
        "tab": tf.TensorSpec([None], tf.string),
    }
)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ('{"dwell": [null, 2]}', "dwell: must be float32. Received: null; write NaN where it is"),
        ('{"dwell": [[1, true]]}', "dwell: must be float32. Received: true"),
        ('{"count": [[1, 2], [false, 3]]}', "count: must be int64. Received: false"),
        ('{"count": [[1, 2.5]]}', "count: must be int64. Received: 2.5"),
        ('{"tab": [null, "x"]}', 'Received: null; write "" where it is missing'),
    ],
)
def test_what_is_missing_is_written_as_the_model_has_it(values, told):
    with pytest.raises(RequestError) as error:
        json_tensors.arrays(json_tensors.body(f'{{"inputs": {values}}}'.encode()), SIGNATURE)
    assert told in str(error.value)


def test_nan_is_a_number():
    asked = json_tensors.body(b'{"inputs": {"dwell": [NaN, 2]}}')
    assert str(json_tensors.arrays(asked, SIGNATURE)["dwell"]) == "[nan  2.]"


def test_a_text_may_say_true():
    asked = json_tensors.body(b'{"inputs": {"tab": ["true"], "count": [[1, 0]]}}')
    found = json_tensors.arrays(asked, SIGNATURE)
    assert found["tab"].tolist() == [b"true"]
    assert found["count"].tolist() == [[1, 0]]
