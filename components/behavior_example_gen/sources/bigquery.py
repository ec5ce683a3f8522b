"""A BigQuery table as a source, through the Storage Read API: only the used columns are read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam

from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.sources.from_beam import BeamSource

_TABLE = re.compile(r"([^.:\s]+)[.:]([^.\s]+)\.([^.\s]+)")


def bigquery_source(
    name: str,
    options: Mapping[str, Any],
    columns: Sequence[str],
    section: str,
    optional: frozenset[str],
) -> BeamSource:
    """Reads a table by `beam.io.ReadFromBigQuery`.

    Args:
      name: PROJECT.DATASET.TABLE.
      options: further arguments of `ReadFromBigQuery`, such as `row_restriction`.
      columns: names of the columns to read.
      section: the dotted key of the table, for messages.
      optional: as of `BeamSource`.

    Raises:
      LogError: if the name is none, or what it needs is not installed.
    """
    found = _TABLE.fullmatch(name)
    if not found:
        raise LogError(
            f"`{section}.source` must be bigquery:PROJECT.DATASET.TABLE. Received: "
            f"bigquery:{name}. For a query: beam:apache_beam.io.ReadFromBigQuery with "
            f"`{section}.options` {{query: ...}}."
        )
    try:
        import google.cloud.bigquery_storage_v1  # noqa: F401
    except ImportError as fault:
        raise LogError(
            f"`{section}.source` bigquery:{name} needs: pip install 'apache-beam[gcp]' ({fault})"
        ) from fault
    project, dataset, table = found.groups()
    transform = beam.io.ReadFromBigQuery(
        table=f"{project}:{dataset}.{table}",
        method=beam.io.ReadFromBigQuery.Method.DIRECT_READ,
        selected_fields=list(columns),
        **options,
    )
    return BeamSource(f"bigquery:{name}", transform, columns, section, optional)
