import json

from models.json_text import without_nan


def test_only_numbers_that_json_lacks_become_null():
    nan, inf = float("nan"), float("inf")
    value = {"a": [nan, 1.5, {"b": -inf}], "c": "nan", "d": None, "e": 2, "f": [[inf]], "g": True}
    told = {"a": [None, 1.5, {"b": None}], "c": "nan", "d": None, "e": 2, "f": [[None]], "g": True}
    assert without_nan(value) == told
    json.dumps(without_nan(value), allow_nan=False)
