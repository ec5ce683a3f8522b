"""Rows through files: none lost, none twice, a user in one shard."""

import collections

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.behavior_example_gen.beam.spill import gather, spill
from components.behavior_example_gen.ingest import shard_count

USERS = st.one_of(
    st.lists(st.integers(0, 9), min_size=1, max_size=50),
    st.lists(st.sampled_from([b"", b"a", b"bc", b"\xff"]), min_size=1, max_size=50),
)


def _batch(users, first=0):
    kind = pa.binary() if isinstance(users[0], bytes) else pa.int64()
    rows = {"user": pa.array(users, kind), "row": pa.array(np.arange(len(users)) + first)}
    return pa.RecordBatch.from_pydict(rows)


def _rows(batch):
    return collections.Counter(
        zip(batch["user"].to_pylist(), batch["row"].to_pylist(), strict=True)
    )


@settings(max_examples=50)
@given(USERS, st.integers(1, 9), st.integers(1, 50))
def test_every_row_once_and_a_user_in_one_shard(tmp_path_factory, users, shards, cut):
    folder = str(tmp_path_factory.mktemp("spill"))
    batches = [_batch(users[:cut])] + ([_batch(users[cut:], cut)] if users[cut:] else [])
    pieces = collections.defaultdict(list)
    for batch in batches:  # two attempts at the same rows: only the second is handed on
        list(spill([batch], shards, folder))
        for shard, piece in spill([batch], shards, folder):
            pieces[shard].append(piece)
    assert all(0 <= shard < shards for shard in pieces)
    gathered = {shard: gather(some) for shard, some in pieces.items()}
    every = sum((_rows(batch) for batch in gathered.values()), collections.Counter())
    assert every == _rows(_batch(users))
    homes = [set(batch["user"].to_pylist()) for batch in gathered.values()]
    assert sum(map(len, homes)) == len(set(users))


def test_nothing_to_spill(tmp_path):
    assert list(spill([_batch([1]).slice(0, 0)], 3, str(tmp_path))) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("log", "memory", "shards"),
    [(0, 256, 4), (1 << 30, 1 << 30, 8), (1 << 30, 1 << 28, 32), (1 << 50, 1 << 20, 4096)],
)
def test_shards_grow_with_the_log(log, memory, shards):
    assert shard_count(log, memory) == shards
