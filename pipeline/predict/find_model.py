"""Which model `everlong predict` means, before TensorFlow is loaded."""

from __future__ import annotations

from pathlib import Path

from components.errors import InputError
from pipeline.run_folder.folder import METADATA, RunFolder


def model_folder(folder: Path) -> Path:
    """The SavedModel that `--model` means: itself, a run's latest, or the newest pushed version.

    Raises:
      InputError: if there is none, or a run's is not as it was written.
    """
    if (folder / METADATA).is_file():
        model = RunFolder.open(folder).output("Trainer", "model")
        from pipeline.run_folder.damage import unchanged  # imports TFX

        with unchanged([model]):
            return Path(model.uri) / "Format-Serving"
    versions = [path for path in folder.glob("*") if path.name.isdigit()]
    for path in (folder, *sorted(versions, key=lambda p: -int(p.name))):
        if (path / "saved_model.pb").is_file():
            return path
    what = "holds neither a SavedModel nor a run" if folder.is_dir() else "there is no such folder"
    raise InputError(
        f"--model {folder}: {what}; give a folder with saved_model.pb, such as "
        "runs/demo/serving/<version>, or the --output-dir of a run"
    )
