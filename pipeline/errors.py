"""Errors that a user can act on, and how pydantic's become such."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator

import pydantic

from components import secrets
from components.errors import InputError
from pipeline.renamed import RENAMED


class ConfigError(InputError):
    """The configuration cannot be used: the message says which key, its value and the way out."""


def sections(annotation: object) -> Iterator[type[pydantic.BaseModel]]:
    """The pydantic sections inside an annotation such as `A | B | None` or `list[A]`."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    elif typing.get_origin(annotation) is not None or isinstance(annotation, types.UnionType):
        for argument in typing.get_args(annotation):
            yield from sections(argument)


def tags(section: type[pydantic.BaseModel]) -> set[str]:
    """The values of `name` that choose this section among those of a union, if it is in one."""
    field = section.model_fields.get("name")
    if field is None or typing.get_origin(field.annotation) is not typing.Literal:
        return set()
    return set(typing.get_args(field.annotation))


def keys(model: type[pydantic.BaseModel], prefix: str = "") -> Iterator[str]:
    """Every dotted key below a section; of a union, the keys of all its members."""
    for name, field in model.model_fields.items():
        yield prefix + name
        for section in sections(field.annotation):
            yield from keys(section, f"{prefix}{name}.")


def describe(error: pydantic.ValidationError, model: type[pydantic.BaseModel], source: str) -> str:
    """One line per fault: the key, the value received and the way out."""
    valid = sorted(set(keys(model)))
    lines = []
    for fault in error.errors(include_url=False):
        key = _key(fault["loc"], model)
        if fault["type"] == "extra_forbidden" and key in RENAMED:
            received = _short(fault["input"], key)
            problem = f"is called {RENAMED[key]} now (value {received})"
        elif fault["type"] == "extra_forbidden":
            problem = f"unknown key (value {_short(fault['input'], key)}){_nearest(key, valid)}"
        elif fault["type"] == "missing":
            problem = "must be given"
        else:
            message = fault["msg"].removeprefix("Value error, ")
            told = "Received: " in message  # a validator that names a part says more than the whole
            problem = message if told else f"{message}. Received: {_short(fault['input'], key)}"
        line = f"  {key or 'configuration'}: {problem}"
        if line not in lines:
            lines.append(line)
    if len(lines) == 1:
        return f"{source}: {lines[0].strip()}"
    return "\n".join([f"{source}: {len(lines)} faults; nothing was started", *lines])


def _key(location: tuple[int | str, ...], model: type[pydantic.BaseModel]) -> str:
    """The dotted key of a fault, without the marks that pydantic adds for members of unions."""
    candidates, parts = [model], []
    for part in location:
        fields = [c.model_fields[part] for c in candidates if part in c.model_fields]
        if fields:
            parts.append(part)
            candidates = [s for field in fields for s in sections(field.annotation)]
        elif isinstance(part, int):
            parts.append(str(part))
        elif (part == location[-1] or not candidates) and part not in _marks(candidates):
            # A key that no section knows, or one of a free mapping; a union's mark is neither.
            parts.append(str(part))
    return ".".join(map(str, parts))


def _marks(candidates: list[type[pydantic.BaseModel]]) -> set[str]:
    marks = {"str", "int", "float", "bool", "none"} | {c.__name__ for c in candidates}
    for candidate in candidates:
        marks |= tags(candidate)
    return marks


def _nearest(key: str, valid: list[str]) -> str:
    parent, _, last = key.rpartition(".")
    siblings = {k.rpartition(".")[2]: k for k in valid if k.rpartition(".")[0] == parent}
    if near := difflib.get_close_matches(last, siblings, 1):
        return f"; the nearest valid key is {siblings[near[0]]}"
    elsewhere = [k for k in valid if k.rpartition(".")[2] == last]
    if near := elsewhere[:1] or difflib.get_close_matches(key, valid, 1):
        return f"; the nearest valid key is {near[0]}"
    return f"; valid keys here: {', '.join(sorted(siblings))}"


def _short(value: object, key: str) -> str:
    text = repr(secrets.shown(value, key))
    return text if len(text) <= 80 else text[:77] + "..."
