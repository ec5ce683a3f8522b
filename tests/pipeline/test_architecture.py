"""Rooms follow the data: imports point one way, and no files or folders import in a circle."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The rooms of a folder, in the order in which data pass them: each may import those before it, and
# the files that lie beside the rooms as long as no circle comes of it.
ROOMS = {
    ".": ("models", "components", "pipeline"),
    "models": ("layers", "optimizers", "baselines"),
    "components": (
        "simulator",
        "behavior_example_gen",
        "schema",
        "example_validator",
        "latest_blessed",
        "scoring",
        "evaluator",
        "pusher",
        "page",
        "evaluation_report",
    ),
    "components/behavior_example_gen": (
        "cells",
        "config",
        "read",
        "sources",
        "clean",
        "cut",
        "write",
        "beam",
    ),
    "components/evaluator": ("gate", "tfma"),
    "pipeline": (
        "terminal",
        "run_folder",
        "run",
        "compare",
        "predict",
        "serve",
        "items",
        "doctor",
        "ablation",
        "bench",
        "kubeflow",
        "commands",
    ),
}
TOP = ROOMS["."]
SOURCES = sorted(path for room in TOP for path in (ROOT / room).rglob("*.py"))


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {dotted(path): path for path in SOURCES}


def imports(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import hides its direction"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_files(path: Path) -> set[Path]:
    """The files of this project that a file imports."""
    found = set()
    for name in imports(path):
        while name and name not in MODULES:
            name = name.rpartition(".")[0]
        if name:
            found.add(MODULES[name])
    return found - {path}


GRAPH = {path: imported_files(path) for path in SOURCES}


def test_no_files_import_in_a_circle():
    assert len(list(graphlib.TopologicalSorter(GRAPH).static_order())) == len(SOURCES)


FOLDERS = sorted({path.parent for path in SOURCES} | {ROOT})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_in_a_folder_imports_in_a_circle(folder: Path):
    """The files and folders of a folder, each folder with all that is in it, are in some order."""
    graph: dict[str, set[str]] = {}
    for path, neighbours in GRAPH.items():
        if path.is_relative_to(folder):
            mine = path.relative_to(folder).parts[0]
            theirs = {
                other.relative_to(folder).parts[0]
                for other in neighbours
                if other.is_relative_to(folder)
            }
            graph.setdefault(mine, set()).update(theirs - {mine})
    list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("folder", ROOMS)
def test_a_room_imports_only_rooms_before_it(folder: str):
    place = ROOT / folder
    order = {place / room: position for position, room in enumerate(ROOMS[folder])}
    wrong = [
        f"{path.relative_to(ROOT)} imports {other.relative_to(ROOT)}"
        for path, neighbours in GRAPH.items()
        for other in neighbours
        for mine in order
        for theirs in order
        if path.is_relative_to(mine)
        and other.is_relative_to(theirs)
        and order[theirs] > order[mine]
    ]
    assert not wrong


@pytest.mark.parametrize("folder", [folder for folder in ROOMS if folder != "."])
def test_every_room_has_its_place_in_the_order(folder: str):
    rooms = {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}
    assert rooms == set(ROOMS[folder])


def test_layers_know_neither_tfx_nor_beam():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / "models" / "layers").rglob("*.py")
        for name in imports(path)
        if name.split(".")[0] in {"tfx", "tfx_bsl", "apache_beam", "tensorflow_transform"}
    ]
    assert not wrong


def test_the_architecture_page_names_every_room():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {room for rooms in ROOMS.values() for room in rooms}
    missing = sorted(room for room in rooms | {"schemas", "tests", "docker"} if room not in page)
    assert not missing, f"docs/architecture.md lacks {missing}"


def test_tests_stand_in_the_room_of_what_they_test():
    """A test's folder is one of the tree, so that the tests of a room are found beside it."""
    others = {"benchmarks", "e2e", "fixtures", "setup"}
    wrong = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if (place := path.parent.relative_to(ROOT / "tests")).parts[:1]
        and place.parts[0] not in others
        and not (ROOT / place).is_dir()
    ]
    assert not wrong
