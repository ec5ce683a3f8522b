"""Imports point one way: pipeline -> components -> models; layers know neither TFX nor Beam."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("pipeline", "components", "models")
FORBIDDEN = {
    "models": {"pipeline", "components"},
    "components": {"pipeline"},
    "pipeline": set(),
}


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import hides its direction"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in _imports(path)
        if name.split(".")[0] in FORBIDDEN[room]
    ]
    assert not wrong


def test_layers_know_neither_tfx_nor_beam() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / "models" / "layers").rglob("*.py")
        for name in _imports(path)
        if name.split(".")[0] in {"tfx", "tfx_bsl", "apache_beam", "tensorflow_transform"}
    ]
    assert not wrong


def test_the_architecture_page_names_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    components = [p.name for p in (ROOT / "components").iterdir() if (p / "__init__.py").exists()]
    for room in (*ROOMS, *components, "schemas", "tests", "docker", "benchmarks"):
        assert f"`{room}" in page or f"/{room}" in page, f"docs/architecture.md lacks {room}"
