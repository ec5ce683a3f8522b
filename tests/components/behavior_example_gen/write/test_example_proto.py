"""Our encoding against protobuf's own, byte for byte, and against tfx_bsl's coder."""

import numpy as np
import pyarrow as pa
import tensorflow as tf
from google.protobuf.internal.encoder import _VarintBytes
from hypothesis import given
from hypothesis import strategies as st
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.behavior_example_gen.write import example_proto

INT64 = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-2, 300))
VALUES = {
    "int64_list": st.lists(INT64, max_size=9),
    "float_list": st.lists(st.floats(width=32, allow_nan=False), max_size=9),
    "bytes_list": st.lists(st.sampled_from([b"", b"a", b"\xff", b"x" * 200]), max_size=9),
}
NAMES = st.text("abz_", min_size=1, max_size=200)


def _column(kind, values):
    if kind == "int64_list":
        return np.array(values, np.int64)
    if kind == "float_list":
        return np.array(values, np.float32)
    return pa.array(values, pa.binary())


def _protobuf(features):
    """Features one by one, by rising name: protobuf itself orders "a" behind "ab"."""
    body = b""
    for name, (kind, values) in sorted(features.items()):
        one = tf.train.Features()
        getattr(one.feature[name], kind).SetInParent()
        getattr(one.feature[name], kind).value.extend(values)
        body += one.SerializeToString()
    return b"\n" + _VarintBytes(len(body)) + body


@given(
    st.dictionaries(
        NAMES,
        st.sampled_from(sorted(VALUES)).flatmap(lambda k: st.tuples(st.just(k), VALUES[k])),
        max_size=5,
    ),
    st.data(),
)
def test_equals_protobufs_bytes(features, data):
    ours, expected = {}, {}
    for name, (kind, values) in features.items():
        begin = data.draw(st.integers(0, len(values)))
        end = data.draw(st.integers(begin, len(values)))
        column = example_proto.encode_column(_column(kind, values))
        ours[name] = column.slices(np.array([begin]), np.array([end]))
        expected[name] = kind, values[begin:end]
    if features:
        assert list(example_proto.examples(ours)) == [_protobuf(expected)]


@given(st.lists(INT64, min_size=1, max_size=30))
def test_taken_values_are_the_values(values):
    table = example_proto.encode_column(np.array(values, np.int64))
    places = np.arange(len(values))[::-1]
    taken = example_proto.take(table, pa.array(places))
    again = example_proto.encode_column(np.array(values, np.int64)[places])
    assert bytes(taken.data[: taken.offsets[-1]]) == bytes(again.data)
    assert taken.offsets.tolist() == again.offsets.tolist()


def test_long_lists_and_many_examples():
    numbers = np.arange(-5, 30_000) * 7_919
    begin, end = np.array([0, 5, 30_005]), np.array([30_005, 6, 30_005])
    found = list(
        example_proto.examples({"n": example_proto.encode_column(numbers).slices(begin, end)})
    )
    bounds = zip(begin, end, strict=True)
    assert found == [_protobuf({"n": ("int64_list", numbers[b:e].tolist())}) for b, e in bounds]
    assert [len(tf.train.Example.FromString(one).features.feature) for one in found] == [1, 1, 1]


def test_says_what_tfx_bsl_says():
    columns = {
        "n": pa.array([[1, -1, 300], [], [2**40]], pa.large_list(pa.int64())),
        "f": pa.array([[0.5], [1.5, 2.5], []], pa.large_list(pa.float32())),
        "b": pa.array([[b"x", b""], [b"yz"], []], pa.large_list(pa.binary())),
    }
    theirs = RecordBatchToExamplesEncoder().encode(pa.RecordBatch.from_pydict(columns))
    ours = example_proto.examples(
        {
            name: example_proto.encode_column(
                lists.values if name == "b" else lists.values.to_numpy()
            ).slices(lists.offsets.to_numpy()[:-1], lists.offsets.to_numpy()[1:])
            for name, lists in columns.items()
        }
    )
    for one, other in zip(ours, theirs, strict=True):
        assert tf.train.Example.FromString(one) == tf.train.Example.FromString(other)
