"""Digests of source code, so that TFX's cache notices edits of code named by a dotted path."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def code(*modules: str) -> str:
    """Digest of all that decides what some modules do.

    That is their source, the source of every module of this project that they import, directly or
    not, the files beside these that are no Python (templates, styles), and the versions of the
    libraries that any of them imports.

    Args:
      modules: dotted names, such as `"models.trainer"`.

    Raises:
      ValueError: if there is no such module: a renamed one would silently stop counting.
    """
    digest = hashlib.sha256()
    for path in sorted(closure(*modules)):
        digest.update(str(path.relative_to(_ROOT)).encode() + b"\0" + path.read_bytes())
    for name, version in libraries(*modules).items():
        digest.update(f"\0{name}=={version}".encode())
    return digest.hexdigest()[:16]


def closure(*modules: str) -> set[Path]:
    """The files of this project that decide what some modules do.

    Args:
      modules: dotted names.

    Raises:
      ValueError: if there is no such module.
    """
    sources = _closure(modules)
    beside = {path.parent for path in sources}
    return set(sources) | {
        path
        for folder in beside
        for path in folder.iterdir()
        if path.is_file() and path.suffix in (".j2", ".css", ".js", ".pbtxt")
    }


def libraries(*modules: str) -> dict[str, str]:
    """Versions of the installed libraries that some modules import, directly or not.

    Args:
      modules: dotted names.

    Raises:
      ValueError: if there is no such module.
    """
    imported = {name for path in _closure(modules) for name in _names(path)}
    names = {
        name
        for package in imported
        if _file(package.partition(".")[0]) is None
        for name in _distributions(*package.split(".")[:2])
    }
    return {name: importlib.metadata.version(name) for name in sorted(names)}


def _closure(modules: tuple[str, ...]) -> set[Path]:
    found: set[Path] = set()
    waiting = []
    for module in modules:
        path = _file(module)
        if path is None:
            raise ValueError(f"`modules`: there is no module {module} in {_ROOT}")
        waiting.append(path)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _neighbours(path)
    return found


def _neighbours(path: Path) -> Iterator[Path]:
    """The files that a file imports, and the packages that are imported on the way to it."""
    for folder in path.relative_to(_ROOT).parents:
        package = _ROOT / folder / "__init__.py"
        if package.exists():
            yield package
    for name in _names(path):
        # The longest part that is a module: what follows is a name in it.
        while (imported := _file(name)) is None and "." in name:
            name = name.rpartition(".")[0]
        if imported is not None:
            yield imported


def _file(module: str) -> Path | None:
    """The file of a module of this project."""
    place = _ROOT.joinpath(*module.split("."))
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            return path
    return None


def _names(path: Path) -> frozenset[str]:
    """Dotted names that a file imports, anywhere in it, or names in a text of its own."""
    return _parsed(path.read_bytes())


@functools.cache
def _parsed(content: bytes) -> frozenset[str]:
    names: set[str] = set()
    tree = ast.parse(content)
    for_types = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # TFX and TFMA take classes by their dotted names.
            module = node.value.partition(":")[0]
            if "." in module and module.replace(".", "").isidentifier() and _file(module):
                names.add(module)
    return frozenset(names)


@functools.cache
def _installed() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@functools.cache
def _distributions(package: str, module: str = "") -> frozenset[str]:
    """The installed libraries that a module comes from; none: Python's own.

    A namespace such as `google` belongs to many, of which only those with the module count.
    """
    found = frozenset(_installed().get(package, ()))
    if len(found) < 2:
        return found
    place = (package, module)
    return (
        frozenset(
            name
            for name in found
            if any(file.parts[:2] == place for file in importlib.metadata.files(name) or ())
        )
        or found
    )
