"""Files of records as TensorFlow reads them."""

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.behavior_example_gen.write.tfrecord import write_records


def _read(path):
    return list(tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator())


@settings(max_examples=20)
@given(st.lists(st.binary(max_size=300), max_size=20))
def test_tensorflow_reads_them(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("records")
    (folder / "aside").mkdir()
    write_records(str(folder / "one.gz"), str(folder / "aside"), iter(records))
    assert _read(folder / "one.gz") == records
    assert not list((folder / "aside").iterdir())


def test_more_than_is_compressed_at_a_time(tmp_path):
    records = [bytes([i]) * 300_000 for i in range(9)]
    write_records(str(tmp_path / "one.gz"), str(tmp_path), records)
    assert _read(tmp_path / "one.gz") == records


def test_a_repeated_attempt_replaces_the_file_by_the_same_bytes(tmp_path):
    path = tmp_path / "one.gz"
    write_records(str(path), str(tmp_path), [b"a", b"b"])
    before = path.read_bytes()
    write_records(str(path), str(tmp_path), [b"a", b"b"])
    assert path.read_bytes() == before


def test_a_failed_attempt_leaves_nothing_under_the_name(tmp_path):
    def broken():
        yield b"a"
        raise RuntimeError("the worker fails")

    with pytest.raises(RuntimeError):
        write_records(str(tmp_path / "one.gz"), str(tmp_path), broken())
    assert not (tmp_path / "one.gz").exists()
