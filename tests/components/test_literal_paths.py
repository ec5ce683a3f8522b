"""Beam finds files below folders of any name."""

import pytest
from apache_beam.io.filesystems import FileSystems

from components import literal_paths
from components.behavior_example_gen.beam.storage import make, remove, write_text


@pytest.mark.parametrize("name", ["out [1] dt=2024-01-01", "a*b?", "[", "plain", "[a-z]/[!x]"])
def test_only_what_follows_the_folders_that_exist_is_a_pattern(tmp_path, name):
    literal_paths.take_paths_literally()
    folder = tmp_path / name
    (folder / "in").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    for file in ("x1", "x2", "y [1]", "in/x3"):
        (folder / file).write_text("")

    def beam(pattern):
        (found,) = FileSystems.match([f"{folder}/{pattern}"])
        return sorted(file.path.removeprefix(f"{folder}/") for file in found.metadata_list)

    assert beam("x?") == beam("x[12]") == ["x1", "x2"]
    assert beam("y [1]") == ["y [1]"]
    assert beam("in/*") == ["in/x3"]
    assert beam("z*") == beam("z") == []
    assert beam("**") == ["in/x3", "x1", "x2", "y [1]"]


def test_folders_of_any_name_are_removed(tmp_path):
    literal_paths.take_paths_literally()
    folder = f"{tmp_path}/out [1]"
    make(f"{folder}/in")
    write_text("text", f"{folder}/in/file")
    write_text("text", f"{tmp_path}/out 1")
    remove(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["out 1"]
