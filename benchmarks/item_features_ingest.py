"""What features of items cost at ingest: events a second, and bytes of examples, with 2 and 10.

A log's rows are those of a configuration; features are drawn for each of its items, as in
`item_features.py`, and stand in a joined table, or in a column each of the log itself. The
variants are ingested in turn, each in a process of its own.

    python benchmarks/item_features_ingest.py --config movielens_1m --rounds 5 --json OUT
"""

from __future__ import annotations

import components  # noqa: F401  # it sets the environment of libraries, before they are imported

# isort: split
import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from item_features import FEATURES

from pipeline import result_file
from pipeline.arguments import add_config
from pipeline.bench import arguments, runs
from pipeline.bench.child import in_child
from pipeline.config import Config, load
from pipeline.terminal.console import quiet

COUNTS = (2, 10)
PLACES = ("table", "log")
EVENTS_BAR = 0.8  # of the events a second with 2 features, with 10
BYTES_BAR = 1.05  # of the bytes of the examples, items included
SHOWN = (
    *("name", "item_features", "events_per_second", "examples_mib"),
    *("cpu_seconds", "events_of_two_features", "cpu_of_two_features", "bytes_of_two_features"),
)


def drawn(items: int, seed: int) -> dict[str, pa.Array]:
    """Returns the cells of every feature for so many items, several values as `a|b`."""
    rng = np.random.default_rng(seed)
    cells = {}
    for name, rows, most in FEATURES:
        held = rng.integers(1, most + 1, items)
        values = rng.integers(0, rows, [items, most])
        cells[name] = pa.array(
            [
                "|".join(f"{name}{value}" for value in row[:n])
                for row, n in zip(values, held, strict=True)
            ]
        )
    return cells


def write_logs(config: Config, folder: Path) -> None:
    """Writes `log.csv` with the features in columns, `plain.csv` without, and `items.csv`."""
    log = config.log
    columns = log.mapping
    rows = pa.csv.read_csv(Path(log.folder, str(log.files)))
    items = pc.dictionary_encode(rows[columns.item.column].combine_chunks())
    cells = drawn(len(items.dictionary), config.seed)
    pa.csv.write_csv(rows, folder / "plain.csv")
    key = {"key_of_item": items.dictionary}
    pa.csv.write_csv(pa.table(key | cells), folder / "items.csv")
    for name, values in cells.items():
        rows = rows.append_column(name, values.take(items.indices))
    pa.csv.write_csv(rows, folder / "log.csv")


def with_features(overrides: list[str], folder: Path, place: str, count: int) -> list[str]:
    """Returns the overrides of a variant: the log, its table of items, and the features."""
    found = [*overrides, f"log.files={folder}/{'plain' if place == 'table' else 'log'}.csv"]
    if place == "table":
        table = f"{{of: item, files: {folder}/items.csv, key: key_of_item}}"
        found.append(f"log.tables.drawn={table}")
    for name, _, most in FEATURES[:count]:
        kind = ", type: ids, separator: '|'" if most > 1 else ""
        found.append(f"features.{name}={{of: item, column: {name}{kind}}}")
    return found


def main() -> None:
    """Measures the logs that are named; prints and writes their rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    add_config(parser)
    parser.add_argument("--rounds", type=arguments.positive, default=5, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--work-dir", type=Path, default=Path("runs/bench"), metavar="DIR")
    parsed = parser.parse_args()
    result_file.check_writable(parsed.json)
    base = load(parsed.config, parsed.overrides)
    folder = parsed.work_dir.resolve() / f"{base.name}_items"
    folder.mkdir(parents=True, exist_ok=True)
    write_logs(base, folder)
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    with quiet(folder / "log.txt"):
        for number in range(parsed.rounds):
            for place in PLACES:
                for count in COUNTS[:: 1 if number % 2 else -1]:
                    overrides = with_features(parsed.overrides, folder, place, count)
                    config = load(parsed.config, overrides)
                    job: dict[str, Any] = {"name": f"{base.name}, {place}"}
                    job |= {"ingest": config.ingest.model_dump(mode="json")}
                    job |= {"args": config.beam.args, "folder": str(folder / "examples")}
                    row = in_child("pipeline.bench.ingest:measure", job, folder / "log.txt")
                    found.setdefault((place, count), []).append(row)
    rows = []
    for (place, count), several in sorted(found.items()):
        few, row = runs.over_rounds(found[place, COUNTS[0]]), runs.over_rounds(several)
        row |= {"features_in": place, "item_features": count}
        row["cpu_of_two_features"] = row["cpu_seconds"] / few["cpu_seconds"]
        row["events_of_two_features"] = row["events_per_second"] / few["events_per_second"]
        row["bytes_of_two_features"] = row["examples_mib"] / few["examples_mib"]
        rows.append(row | {"bars": [EVENTS_BAR, BYTES_BAR] if count == COUNTS[-1] else None})
    print(result_file.table(rows, {name: name for name in SHOWN}))
    if parsed.json:
        result_file.write(parsed.json, base, rows)


if __name__ == "__main__":
    main()
