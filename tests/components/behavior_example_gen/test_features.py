"""Features of every owner and type against a literal oracle, on adversarial logs."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from components.behavior_example_gen.beam.spill import shard_of
from components.behavior_example_gen.clean.clean import clean
from components.behavior_example_gen.config.ingest_config import SPLITS, IngestConfig
from components.behavior_example_gen.cut.item_features import CombineItemFeatures
from components.behavior_example_gen.cut.split import by_user_hash
from components.behavior_example_gen.cut.targets import WholeLog
from components.behavior_example_gen.hashing import id_hash
from components.behavior_example_gen.shard import Shard
from components.behavior_example_gen.sources.columns import find_columns
from components.behavior_example_gen.sources.tables import JoinedTables
from components.behavior_example_gen.write.items import Items

from . import feature_oracle as oracle
from . import runs

COLUMNS = ("author", "tags", "price", "city", "likes", "age", "tab", "place", "act", "dwell")
NUMBER = {"type": "number", "boundaries": [1.0]}
FEATURES = {
    "author": {"of": "item", "column": "author"},
    "tags": {"of": "item", "column": "tags", "type": "ids", "separator": "|", "max_values": 2},
    "price": {"of": "item", "column": "price", **NUMBER},
    "city": {"of": "user", "column": "city", "before": ":"},
    "likes": {"of": "user", "column": "likes", "type": "ids", "separator": "|"},
    "age": {"of": "user", "column": "age", **NUMBER},
    "tab": {"of": "context", "column": "tab", "after": ":"},
    "place": {"of": "context", "column": "place", **NUMBER},
    "hour": {"from": "time", "of": "context", "as": "hour_of_day"},
    "act": {"of": "event", "column": "act"},
    "dwell": {"of": "event", "column": "dwell", **NUMBER},
}
TEXTS = {
    "id": ["", "NULL", "a", " b ", "a:b", "a:b:c", ":", "é"],
    "ids": ["", "a", "a|b", " b | |c|NULL", "a|a|a", "|"],
    "number": ["", "nan", "0.5", "1e3", "-7", "0.1"],
}
BY = {
    "author": "id", "tags": "ids", "price": "number", "city": "id", "likes": "ids",
    "age": "number", "tab": "id", "place": "number", "act": "id", "dwell": "number",
}  # fmt: skip
TABLES = {
    "videos": ("item", ["author", "tags", "price"]),
    "people": ("user", ["city", "likes", "age"]),
}


@st.composite
def worlds(draw: st.DrawFn):
    """A log, the tables that are joined to it, and a configuration."""
    row = st.builds(
        oracle.Row,
        user=st.integers(1, 4),
        item=st.integers(0, 4),
        time=st.integers(0, draw(st.sampled_from([3, 40]))),
        label=st.sampled_from(["0", "1", ""]),
        fold=st.sampled_from(["train", "train", "validation", "eval", ""]),
        cells=st.tuples(*(st.sampled_from(TEXTS[BY[name]]) for name in COLUMNS)),
    )
    rows = draw(st.lists(row, min_size=draw(st.sampled_from([1, 15])), max_size=25))
    rows += draw(st.lists(st.sampled_from(rows), max_size=3))
    joined = draw(st.lists(st.sampled_from(sorted(TABLES)), unique=True))
    tables = {}
    for name in joined:
        for column in TABLES[name][1]:
            keys = st.dictionaries(
                st.integers(0, 6), st.sampled_from(TEXTS[BY[column]]), max_size=5
            )
            tables[column] = draw(keys)
    split = {"by": draw(st.sampled_from(["time", "user_tail", "user_hash", "column"]))}
    split |= {"validation": 0.3, "eval": 0.3}
    split |= {"column": "fold"} if split["by"] == "column" else {}
    history = {"ties": draw(st.sampled_from(["exclude", "order"])), "min_length": 0}
    cuts = sorted(draw(st.tuples(st.integers(0, 40), st.integers(0, 40))))
    return rows, joined, tables, split, history, tuple(cuts)


def write(folder: Path, rows, joined, tables) -> None:
    """Writes the log and its tables as text files."""
    held = {column for name in joined for column in TABLES[name][1]}
    own = [name for name in COLUMNS if name not in held]
    lines = [",".join(["user", "item", "time", "label", "fold", *own])]
    for row in rows:
        cells = [c for name, c in zip(COLUMNS, row.cells, strict=True) if name in own]
        lines.append(
            ",".join([*map(str, (row.user, row.item, row.time)), row.label, row.fold, *cells])
        )
    (folder / "log.csv").write_text("\n".join(lines) + "\n")
    for name in joined:
        columns = TABLES[name][1]
        lines = [",".join(["id", *columns])]
        for key in sorted({key for column in columns for key in tables[column]} | {99}):
            lines.append(",".join([str(key), *(tables[c].get(key, "") for c in columns)]))
        lines.append(lines[1])  # a key again
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def configure(folder: Path, joined, split, history, **log) -> IngestConfig:
    column = {"type": "int"}
    columns = {"user": column | {"column": "user"}, "item": column | {"column": "item"}}
    sections = {
        name: {"of": TABLES[name][0], "files": f"{name}.csv", "key": "id"} for name in joined
    }
    return IngestConfig(
        log={
            "folder": str(folder),
            "files": "log.csv",
            "columns": columns | {"time": "time"},
            "tables": sections,
            "max_bad_row_share": 1.0,
            **log,
        },
        features=FEATURES,
        label={"column": "label"},
        split=split,
        history=history,
    )


def ingest(config: IngestConfig, cuts, shards: int):
    """The examples of every split, those of items, and all counts, without Beam."""
    rows, counts = runs.taken(config)
    rows = rows.combine_chunks()
    found = {name: [] for name in SPLITS}
    if not rows.num_rows:
        return None
    columns = find_columns(config)
    users = JoinedTables(config, columns, of=["user"])
    combine = CombineItemFeatures()
    parts, shard = combine.create_accumulator(), shard_of(rows["user"].combine_chunks(), shards)
    for number in np.unique(shard):
        mine = rows.filter(pa.array(shard == number)).combine_chunks().to_batches()[0]
        cut = Shard(mine, config, WholeLog(cuts=cuts), users)
        counts += cut.counts
        parts = combine.add_input(parts, cut.items)
        for split in SPLITS:
            found[split] += cut.encode(split)
    items = combine.extract_output(combine.merge_accumulators([parts, []]))
    whole = Items.of(items, JoinedTables(config, columns, of=["item"]), config)
    return found, list(whole.encode(pa.array([0]))), items, counts


def user_split(config, users):
    hashes = id_hash(pa.array(users, pa.int64()))
    shares = config.split.validation, config.split.eval
    splits = by_user_hash(hashes, config.seed, *shares).tolist()
    return {user: SPLITS[split] for user, split in zip(users, splits, strict=True)}


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_what_examples_hold_of_features(world):
    rows, joined, tables, split, history, cuts = world
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, rows, joined, tables)
        config = configure(folder, joined, split, history)
        result = ingest(config, cuts, shards=3)
    expected = oracle.Log(
        rows,
        COLUMNS,
        config,
        {c: ({99: ""} | cells) for c, cells in tables.items()},
        cuts,
        user_split(config, [1, 2, 3, 4]),
    )
    found, items, of_rows, counts = result
    targets = expected.targets()
    for name in SPLITS:
        assert oracle.unpack(found[name], config) == targets[name]
    assert repr(oracle.unpack_items(items, config)) == repr(expected.items())
    for name, last in of_rows.last.items():
        assert sum(last["differs"].to_pylist()) == expected.differing(name)
    assert set(counts.notes.repeated.elements()) == set(joined)


@settings(max_examples=25, deadline=None)
@given(worlds(), st.randoms(), st.sampled_from([1, 2, 7]))
def test_neither_shards_nor_the_order_of_rows_matter(world, random, shards):
    rows, joined, tables, split, history, cuts = world
    found = []
    for some, number in ((rows, 3), (random.sample(rows, len(rows)), shards)):
        with tempfile.TemporaryDirectory() as name:
            write(Path(name), some, joined, tables)
            config = configure(Path(name), joined, split, history | {"ties": "exclude"})
            examples, items, _, _ = ingest(config, cuts, number)
        found.append((items, {name: sorted(examples[name]) for name in SPLITS}))
    assert found[0] == found[1]


def test_of_one_time_the_last_row_of_the_log_counts_only_where_its_order_does():
    cells = {"user": [1, 2, 3], "item": [7, 7, 7], "time": [5, 5, 4], "label": [1, 1, 1]}
    cells["author"] = ["z", "b", "c"]
    for ties, winner in (("order", b"b"), ("exclude", b"z")):
        config = IngestConfig(
            log={"files": "x", "columns": {"user": "user", "item": "item", "time": "time"}},
            features={"author": FEATURES["author"]},
            label={"column": "label"},
            split={"by": "user_tail"},
            history={"ties": ties, "min_length": 0},
        )
        parts = []
        for rows in ([0, 2], [1]):  # two shards
            table = pa.table(
                {name: [str(column[r]) for r in rows] for name, column in cells.items()}
            )
            clear = clean(table.to_batches()[0], config, np.array(rows))[0]
            parts.append(Shard(clear, config, WholeLog()).items)
        last = CombineItemFeatures().extract_output(parts).last["author"]
        assert last.select(["item", "value", "differs"]).to_pylist() == [
            {"item": b"7", "value": winner, "differs": True}
        ]
