"""The folder that `--model` names, checked before TensorFlow is loaded."""

from __future__ import annotations

from pathlib import Path

from components.errors import InputError
from components.pusher.versions import STAGING
from pipeline.run_folder.check import METADATA
from pipeline.serve.versions import SAVED_MODEL, children

_GIVE = f"give a folder of versions, such as runs/demo/serving, or one with {SAVED_MODEL}"


def check_model(folder: Path, wait: bool) -> None:
    """Refuses a folder that holds no model.

    Args:
      folder: of versions, or of one version.
      wait: whether an empty one will do: a version may come.

    Raises:
      InputError: naming the folder.
    """
    if not folder.is_dir():
        raise InputError(f"--model {folder}: there is no such folder; {_GIVE}")
    if (folder / METADATA).is_file():
        raise InputError(
            f"--model {folder}: is the folder of a run; give where it pushes to: "
            f"{folder / 'serving'}, if its configuration says nothing else"
        )
    if children(folder):
        return
    others = [path.name for path in folder.iterdir() if not path.name.startswith((STAGING, "."))]
    if others or not wait:
        held = f"holds {min(others)!r}, but no version" if others else "holds no version"
        raise InputError(f"--model {folder}: {held}; {_GIVE}")
