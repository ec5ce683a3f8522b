"""Files of a run that were changed are told, whether what reads them fails or not."""

from pathlib import Path

import pytest

from components.artifact_content import CONTENT
from components.errors import InputError
from models import content
from pipeline.run_folder.damage import unchanged
from pipeline.run_folder.lineage import Artifact


def _written(folder: Path) -> Artifact:
    folder.mkdir()
    (folder / "a").write_text("1")
    return Artifact(str(folder), {CONTENT: content.of_folder(str(folder))})


def _told(artifacts: list[Artifact], error: Exception) -> None:
    with unchanged(artifacts):
        raise error


def test_the_artifact_that_was_changed_is_named(tmp_path: Path) -> None:
    artifacts = [_written(tmp_path / name) for name in ("one", "two")]
    (tmp_path / "two" / "a").write_text("2")
    with pytest.raises(InputError, match=f"^{tmp_path}/two is damaged: it holds 1 files of 1 "):
        _told(artifacts, KeyError("splits"))
    (tmp_path / "one" / "a").unlink()
    (tmp_path / "one").rmdir()
    with pytest.raises(InputError, match=f"^{tmp_path}/one is gone; the same `everlong run` "):
        _told(artifacts, IndexError())


def test_a_file_that_was_edited_and_can_be_read_is_told(tmp_path: Path) -> None:
    artifacts = [_written(tmp_path / name) for name in ("one", "two")]
    with unchanged(artifacts):
        pass
    (tmp_path / "two" / "a").write_text("2")
    with pytest.raises(InputError, match=f"^{tmp_path}/two is damaged: "), unchanged(artifacts):
        pass


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    artifacts = [_written(tmp_path / "one"), Artifact(str(tmp_path / "no record"), {})]
    with pytest.raises(KeyError):
        _told(artifacts, KeyError("splits"))
    with pytest.raises(InputError, match=r"^other labels$"):
        _told(artifacts, InputError("other labels"))


def test_an_error_that_names_the_changed_file_says_more(tmp_path: Path) -> None:
    artifacts = [_written(tmp_path / "one")]
    (tmp_path / "one" / "a").write_text("2")
    with pytest.raises(InputError, match=f"^{tmp_path}/one/a is cut off$"):
        _told(artifacts, InputError(f"{tmp_path}/one/a is cut off"))
    with pytest.raises(InputError, match=f"^{tmp_path}/one is damaged: "):
        _told(artifacts, InputError("the targets have other labels"))
