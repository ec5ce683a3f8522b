"""The artifact that EvaluationReport writes."""

from __future__ import annotations

from tfx.types import artifact

INDEX, METRICS = "index.html", "metrics.json"


class Report(artifact.Artifact):
    """A folder with `index.html`, which opens anywhere, and the same numbers in `metrics.json`."""

    TYPE_NAME = "everlong.EvaluationReport"  # Kubeflow wants a namespace
