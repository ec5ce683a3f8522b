"""Whether an artifact's files are still those that its component wrote."""

from __future__ import annotations

from tfx import types
from tfx.dsl.io import fileio

from models import content

# Custom property of an artifact: its files, as `models.content` describes them.
CONTENT = "content"


def record(artifact: types.Artifact) -> None:
    """Notes what the artifact's files are, when they have just been written."""
    artifact.set_string_custom_property(CONTENT, content.of_folder(artifact.uri))


def fault(uri: str, written: str | None) -> str | None:
    """What is wrong with an artifact's files, in words; None if they are as they were written.

    Args:
      uri: of the artifact.
      written: its property `CONTENT`.
    """
    if not fileio.exists(uri):
        return f"{uri} is gone"
    if not written:
        return f"{uri} has no record of what was written"
    found = content.of_folder(uri)
    return None if found == written else f"{uri} is damaged: it holds {found}, not {written}"


def fault_of(artifact: types.Artifact) -> str | None:
    """As `fault`."""
    return fault(artifact.uri, artifact.get_string_custom_property(CONTENT))
