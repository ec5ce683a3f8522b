"""The versions that results depend on: what summaries, reports and benchmarks write down."""

from __future__ import annotations

import importlib.metadata
import platform

_PACKAGES = (
    "everlong",
    "tensorflow",
    "tensorflow-recommenders",
    "tensorflow-model-analysis",
    "tfx",
    "apache-beam",
    "numpy",
)


def versions() -> dict[str, str]:
    """Returns Python's version and those of the packages; "source": it is not installed."""
    return {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "source"
