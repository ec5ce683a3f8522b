"""Row filters of the configuration: `COLUMN OPERATOR VALUE`."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.parse import to_float, to_text

_COMPARE = {
    "==": pc.equal,
    "!=": pc.not_equal,
    ">=": pc.greater_equal,
    "<=": pc.less_equal,
    ">": pc.greater,
    "<": pc.less,
}
_SYNTAX = re.compile(r"\s*(.+?)\s*(==|!=|>=|<=|>|<)\s*(.+?)\s*")


@dataclasses.dataclass(frozen=True)
class RowFilter:
    """A condition on one column; rows that do not meet it are dropped, and counted.

    Example:
      `RowFilter.parse("Quantity > 0").keep(column)`
    """

    column: str
    operator: str
    value: float | str

    @classmethod
    def parse(cls, text: str) -> RowFilter:
        """Reads a condition; raises ValueError if it is none."""
        found = _SYNTAX.fullmatch(text)
        if not found:
            raise ValueError(
                f"`log.where` needs conditions such as 'Quantity > 0', with one of "
                f"{' '.join(_COMPARE)}. Received: {text!r}"
            )
        column, operator, value = found.groups()
        try:
            return cls(column, operator, float(value))
        except ValueError:
            return cls(column, operator, value.strip("'\""))

    def keep(self, cells: pa.Array) -> np.ndarray:
        """Returns [n] bool; a missing cell, or a text compared with a number, is not kept."""
        read = to_text(cells) if isinstance(self.value, str) else to_float(cells).values
        met = _COMPARE[self.operator](read, pa.scalar(self.value, read.type))
        return np.asarray(met.fill_null(False))
