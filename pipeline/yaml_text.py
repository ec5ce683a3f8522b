"""YAML that people write: what no configuration needs is refused before it takes the memory."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import ConfigError
from pipeline.yaml_core import CoreLoader

MOST_BYTES, MOST_DEPTH, MOST_VALUES = 2**18, 32, 20_000


class _UniqueKeyLoader(CoreLoader):
    """YAML that refuses a key given twice: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, Hashable):
                raise ConfigError(f"line {line}: a key must be a text. Received: {key!r}")
            if key in seen:
                raise ConfigError(f"line {line}: key {key!r} is given twice; keep one of them")
            seen.add(key)
        return super().construct_mapping(node, deep)


def parse(text: str, name: str) -> Any:
    """Returns the value that a YAML text holds.

    Args:
      text: at most `MOST_BYTES` long, `MOST_DEPTH` deep and, aliases written out, `MOST_VALUES`
        large: a few lines of aliases of aliases hold billions of values.
      name: of the text, for messages.

    Raises:
      ConfigError: naming the text and, where it can be told, the line.
    """
    try:
        _check_size(text)
        return yaml.load(text, _UniqueKeyLoader)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(f"{name}: {line}is not valid YAML: {error.problem}") from None
    except (LookupError, AttributeError):  # PyYAML's own, of !!bool and !!timestamp
        raise ConfigError(
            f"{name}: is not valid YAML: a value does not fit its tag, such as !!bool; remove it"
        ) from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        # Of PyYAML's own, such as 30 February as a date.
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(f"{name}: is not valid YAML: {reason}") from None


def find_file(*places: Path) -> Path | None:
    """The first of several paths that is a file; a name too long for one is none."""
    for path in places:
        with contextlib.suppress(OSError):
            if path.is_file():
                return path
    return None


def read(path: Path) -> dict[str, Any]:
    """Reads a YAML file that holds a mapping.

    Raises:
      ConfigError: if it cannot be read, holds anything else, or a key twice.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(
                f"{path}: is larger than {MOST_BYTES // 2**10} KiB, so it is no configuration"
            )
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no text in UTF-8: {error.reason}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    values = parse(text, str(path))
    if not isinstance(values, dict):
        found = repr(values)[:80]
        raise ConfigError(f"{path}: must hold a mapping of sections such as `log:`; found {found}")
    return values


def _check_size(text: str) -> None:
    if len(text) > MOST_BYTES:
        raise ConfigError(f"is longer than {MOST_BYTES // 2**10} KiB")
    sizes: dict[str, int] = {}  # by anchor
    within: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1
        anchor, size = getattr(event, "anchor", None), 1
        if isinstance(event, yaml.CollectionStartEvent):
            within.append((anchor, 1))
            if len(within) > MOST_DEPTH:
                raise ConfigError(f"line {line}: nests deeper than {MOST_DEPTH} levels")
            continue
        if isinstance(event, yaml.AliasEvent):
            if anchor in (name for name, _ in within):
                raise ConfigError(f"line {line}: the alias *{anchor} holds itself")
            size = sizes.get(event.anchor, 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = within.pop()
        elif not isinstance(event, yaml.ScalarEvent):
            continue
        if anchor is not None:
            sizes[anchor] = size
        outer, so_far = within[-1]
        within[-1] = outer, so_far + size
        if so_far + size > MOST_VALUES:
            raise ConfigError(
                f"line {line}: holds more than {MOST_VALUES:,} values, aliases such as *a written "
                "out; write fewer"
            )
