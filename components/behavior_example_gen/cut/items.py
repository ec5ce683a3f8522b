"""The items of a log: what negatives are drawn from."""

from __future__ import annotations

import dataclasses

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.tables import one_batch

_COMPACT_ROWS = 1 << 21


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """The items of a log, by rising id.

    Attributes:
      items: [n] ids.
      categories: [n] the items' own categories: of several, the most frequent, then the least.
      counts: [n] int64 numbers of rows.
    """

    items: pa.Array
    categories: pa.Array
    counts: np.ndarray

    @classmethod
    def of(cls, pairs: pa.Table) -> Catalogue:
        """Builds the catalogue of a table as `count_pairs` returns it."""
        order = [("item", "ascending"), ("count", "descending"), ("category", "ascending")]
        best = one_batch(pairs.sort_by(order))
        totals = one_batch(pairs.group_by("item").aggregate([("count", "sum")]).sort_by("item"))
        first = pc.index_in(totals["item"], best["item"])
        return cls(totals["item"], best["category"].take(first), totals["count_sum"].to_numpy())

    def index(self, items: pa.Array) -> np.ndarray:
        """Returns [t] int64: the place of each of some ids, -1 where it is not in the catalogue."""
        return pc.index_in(items, self.items).fill_null(-1).to_numpy().astype(np.int64)

    def fill(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Gives rows whose `category` is null that of their item; 0 or b"" to unknown items."""
        own = self.categories.take(pc.index_in(rows["item"], self.items))
        none = pa.scalar(0 if pa.types.is_integer(own.type) else b"", own.type)
        filled = pc.coalesce(rows["category"], own, none)
        return rows.set_column(rows.schema.get_field_index("category"), "category", filled)


def count_pairs(rows: pa.Table) -> pa.Table:
    """Counts the rows of each (item, category), or adds up what was counted.

    Args:
      rows: a table with `item` and `category`, or one as this function returns.

    Returns:
      A table of `item`, `category` and `count`.
    """
    if "count" in rows.schema.names:
        pairs = rows
    else:
        ones = pa.array(np.ones(rows.num_rows, np.int64))
        pairs = pa.table({"item": rows["item"], "category": rows["category"], "count": ones})
    counted = pairs.group_by(["item", "category"]).aggregate([("count", "sum")])
    return counted.select(["item", "category", "count_sum"]).rename_columns(pairs.column_names)


class CombineItems(beam.CombineFn):
    """Combines tables of `count_pairs` into the `Catalogue` of all items, None without any row."""

    def create_accumulator(self) -> list[pa.Table]:
        return []

    def add_input(self, tables: list[pa.Table], pairs: pa.Table) -> list[pa.Table]:
        return self.merge_accumulators([tables, [pairs]])

    def merge_accumulators(self, accumulators: list[list[pa.Table]]) -> list[pa.Table]:
        tables = [table for accumulator in accumulators for table in accumulator]
        if sum(table.num_rows for table in tables) > _COMPACT_ROWS:
            return self.compact(tables)
        return tables

    def compact(self, tables: list[pa.Table]) -> list[pa.Table]:
        return [count_pairs(pa.concat_tables(tables))] if len(tables) > 1 else tables

    def extract_output(self, tables: list[pa.Table]) -> Catalogue | None:
        return Catalogue.of(self.compact(tables)[0]) if tables else None
