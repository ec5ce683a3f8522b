"""Row filters of the configuration: `COLUMN OPERATOR VALUE`."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.parse import is_null, matches, to_float, to_int, to_text

_COMPARE = {
    "==": pc.equal,
    "!=": pc.not_equal,
    ">=": pc.greater_equal,
    "<=": pc.less_equal,
    ">": pc.greater,
    "<": pc.less,
}
_SYNTAX = re.compile(r"\s*([^=!<>]+?)\s*(==|!=|>=|<=|>|<)\s*([^=!<>\s].*?)\s*")
_QUOTED = re.compile(r"(['\"])(.*)\1")
_SEVERAL = re.compile(r"\s(and|or|&&|\|\|)\s|[=!<>]", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d{2}(-\d{2}([T ].*)?)?")  # whose order as a text is that of the days
_BEGINS_WITH_DAY = r"^\d{4}-\d{2}"
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")  # Python reads 1_0, too
_EXACT = 2**53  # up to which integers are all floats


@dataclasses.dataclass(frozen=True)
class RowFilter:
    """A condition on one column; rows that do not meet it are dropped, and counted.

    Example:
      `RowFilter.parse("Quantity > 0").keep(column)`
    """

    column: str
    operator: str
    value: int | float | str
    by_day: bool = False  # whether only cells that begin with a day can be met

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
        quoted = _QUOTED.fullmatch(value)
        if quoted and not (quoted[1] in quoted[2] and _SEVERAL.search(quoted[2])):
            return cls(column, operator, quoted[2])
        if _SEVERAL.search(value):
            raise ValueError(
                f"`log.where` is a list of conditions that must all hold, with one comparison "
                f"each; a text with such characters stands between quotation marks. "
                f"Received: {text!r}"
            )
        equality = operator in ("==", "!=")
        if _NUMBER.fullmatch(value):
            with contextlib.suppress(ValueError):
                if abs(whole := int(value)) < 2**63:
                    return cls(column, operator, whole)
                if equality:  # of more digits than a number has: they are a text
                    return cls(column, operator, value)
            if math.isfinite(number := float(value)):
                return cls(column, operator, number)
        if not equality and not _DAY.fullmatch(value):
            raise ValueError(
                f"`log.where` compares by {operator} with a number such as 1000 or a day such as "
                f"2024-01-31. Received: {text!r}; a text that is compared letter by letter stands "
                f"between quotation marks."
            )
        return cls(column, operator, value, by_day=not equality)

    def keep(self, cells: pa.Array) -> np.ndarray:
        """Returns [n] bool; a missing cell is not kept, one of another kind only by !=."""
        if isinstance(self.value, str):
            read = to_text(cells)
        elif isinstance(self.value, int) and abs(self.value) > _EXACT:
            read = to_int(cells).values
        else:
            read = to_float(cells).values
        met = _COMPARE[self.operator](read, pa.scalar(self.value, read.type))
        if self.operator == "!=":  # what is no number is not that number
            return np.asarray(met.fill_null(True)) & ~is_null(to_text(cells))
        kept = np.asarray(met.fill_null(False))
        return kept & matches(read, _BEGINS_WITH_DAY) if self.by_day else kept
