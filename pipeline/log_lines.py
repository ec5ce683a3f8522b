"""What a terminal says of a log's rows, after an ingest and after a run."""

from __future__ import annotations

from typing import Any

# An empty one says something: a behaviour that is no target, or that no request showed.
_MEANT = {"label", "oracle", "request"}


def log_lines(counts: dict[str, Any], indent: str) -> list[str]:
    """When the rows of each table were, what they lack, and what may not be meant."""
    lines = []
    for table, span in counts["times"].items():
        rate = f": {span['events_per_day']:,} events a day" if "events_per_day" in span else ""
        what = "times" if rate else "order"
        lines.append(f"{what} of the {table}: {span['first']} to {span['last']}{rate}")
    missing = {part: n for part, n in counts["missing"].items() if n and part not in _MEANT}
    if missing:
        shown = ", ".join(f"{rows:,} {part}" for part, rows in missing.items())
        lines.append(f"rows kept without: {shown}")
    if known := counts.get("known"):
        shown = ", ".join(f"{rows:,} {name}" for name, rows in known.items())
        lines.append(f"rows found in tables: {shown}")
    if items := counts.get("items"):
        different = {name: n for name, n in items["differing"].items() if n}
        shown = "".join(f", {n:,} with several values of {name}" for name, n in different.items())
        lines.append(f"items with features: {items['items']:,}{shown}")
    lines += [f"WARNING {warning}" for warning in counts["warnings"]]
    return [f"{indent}{line}" for line in lines]
