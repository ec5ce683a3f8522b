"""JSON objects that have a key twice are errors, wherever they stand."""

import pytest

from components.unique_keys import RepeatedKeyError, loads


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"a": 1, "a": 1}', "a"),
        ('{"x": [{"b": 1}, {"c": 1, "b": 2, "c": 3}]}', "c"),
        (b'{"\\u0061": 1, "a": 2}', "a"),
        ('{"": 1, "": 2}', ""),
    ],
)
def test_the_repeated_key_is_named(text, key):
    with pytest.raises(RepeatedKeyError, match=f"the key '{key}' is twice in an object"):
        loads(text)


def test_objects_beside_each_other_may_have_the_same_keys():
    assert loads('[{"a": 1}, {"a": {"a": 2}}]') == [{"a": 1}, {"a": {"a": 2}}]
