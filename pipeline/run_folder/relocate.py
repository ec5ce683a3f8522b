"""A run folder may be moved or copied: what ML Metadata knows of it is read where it is now."""

from __future__ import annotations

from pathlib import Path

from ml_metadata import proto
from ml_metadata.metadata_store import metadata_store

ARTIFACTS = "artifacts"


def relocated(artifact: proto.Artifact, folder: Path) -> proto.Artifact:
    """The artifact as it is in the folder: its uri, and paths among its custom properties.

    Args:
      artifact: of a local run; its uri is FORMER_FOLDER/artifacts/…
      folder: absolute, where the run is now.
    """
    former, within, tail = artifact.uri.rpartition(f"/{ARTIFACTS}/")
    if not within or former == str(folder):
        return artifact
    moved = proto.Artifact()
    moved.CopyFrom(artifact)
    moved.uri = f"{folder}{within}{tail}"
    for value in moved.custom_properties.values():
        if value.string_value.startswith(f"{former}/"):
            value.string_value = f"{folder}{value.string_value.removeprefix(former)}"
    return moved


def relocate(store: metadata_store.MetadataStore, folder: Path) -> None:
    """Writes down where everything is now, for TFX."""
    moved = [
        there
        for artifact in store.get_artifacts()
        if (there := relocated(artifact, folder)) is not artifact
    ]
    if moved:
        store.put_artifacts(moved)
