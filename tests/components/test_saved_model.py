"""A SavedModel in a session, its graphs as they are and optimized."""

import json
from pathlib import Path

import numpy as np
import pytest

from components.saved_model import SavedModel
from models import features


@pytest.fixture(scope="module")
def version(trained_features) -> Path:
    return trained_features / "models" / "7"


@pytest.mark.parametrize("ready", [False, True])
def test_an_optimized_graph_gives_the_same_scores(version, ready):
    told = json.loads((version / features.CONTRACT).read_text())["example"]
    scores = []
    for optimized in (False, True):
        function = SavedModel(str(version), optimized).functions[features.SCORE]
        if ready:
            function.make_ready()
        given = {n: np.array(told[n]) for n in function.inputs}
        scores.append(function(given)[features.PROBABILITY])
    assert 0 < scores[0].min() <= scores[0].max() < 1
    np.testing.assert_allclose(*scores, atol=1e-6)


def test_functions_tell_what_they_take_and_give(version):
    functions = SavedModel(str(version)).functions
    assert set(functions) >= {features.SCORE, features.SERVING_DEFAULT}
    (examples,) = functions[features.SERVING_DEFAULT].inputs.values()
    assert (examples.dtype.name, examples.shape.rank) == ("string", 1)
    assert features.HISTORY_LENGTH in functions[features.SCORE].inputs
    assert functions[features.SCORE].outputs[0] == features.PROBABILITY
