"""Errors that a user can act on, and how pydantic's become such."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterator

import pydantic

from components import secrets
from components.errors import InputError
from pipeline.renamed import RENAMED, respelled

# How pydantic marks the place of a fault in a member of a union: list[str], constrained-int.
_MARK = re.compile(r"[a-z-]+\[.*\]|constrained-[a-z]+")
# How pydantic calls what should be a section, and is none.
_NO_SECTION = {"model_type", "model_attributes_type", "dict_type"}
# Where the roles of a log's columns are; whatever else it knows is a feature.
_COLUMNS = ("log.columns.", "log.impressions.columns.")


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
    """The value of `name` or `type` that chooses this section among those of a union."""
    fields = [section.model_fields.get(key) for key in ("name", "type")]
    values = [
        typing.get_args(field.annotation)
        for field in fields
        if field is not None and typing.get_origin(field.annotation) is typing.Literal
    ]
    return {value for (value, *others) in values if not others}


def named(field: pydantic.fields.FieldInfo) -> bool:
    """Whether a field holds sections by names of the user's."""
    return typing.get_origin(field.annotation) is dict


def keys(model: type[pydantic.BaseModel], prefix: str = "") -> Iterator[str]:
    """Every dotted key below a section; of a union, the keys of all its members."""
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        yield key
        for section in sections(field.annotation):
            yield from keys(section, f"{key}.NAME." if named(field) else f"{key}.")


def describe(error: pydantic.ValidationError, model: type[pydantic.BaseModel], source: str) -> str:
    """One line per fault: the key, the value received and the way out."""
    valid = sorted(set(keys(model)))
    lines = []
    for fault in error.errors(include_url=False):
        key, general, owners = _key(fault["loc"], model)
        if fault["type"] == "extra_forbidden" and key in RENAMED:
            spelling = respelled(key, secrets.shown(fault["input"], key))
            value = spelling or f"value {_short(fault['input'], key)}"
            problem = f"is called {RENAMED[key]} now ({value})"
        elif fault["type"] == "extra_forbidden":
            if "." in str(fault["loc"][-1]):
                way_out = _nested(str(fault["loc"][-1]))
            elif general in valid:
                way_out = _owners(key, general, model)
            else:
                way_out = _nearest(key, general, owners, valid)
            problem = f"unknown key (value {_short(fault['input'], key)}){way_out}"
        elif fault["type"] == "missing":
            problem = "must be given"
        elif fault["type"] == "union_tag_invalid":
            by = fault["ctx"]["discriminator"].strip("'")
            key = f"{key}.{by}"
            received = _short(fault["ctx"]["tag"], key)
            problem = f"must be one of {fault['ctx']['expected_tags']}. Received: {received}"
        elif fault["type"] in _NO_SECTION:
            received = _short(fault["input"], key)
            problem = f"must be a section, such as {{key: value}}. Received: {received}"
        else:
            message = fault["msg"].removeprefix("Value error, ")
            told = "Received: " in message  # a validator that names a part says more than the whole
            end = "" if message.endswith(".") else "."
            problem = message if told else f"{message}{end} Received: {_short(fault['input'], key)}"
        line = f"  {key or 'configuration'}: {problem}"
        if line not in lines:
            lines.append(line)
    if len(lines) == 1:
        return f"{source}: {lines[0].strip()}"
    return "\n".join([f"{source}: {len(lines)} faults; nothing was started", *lines])


def _key(
    location: tuple[int | str, ...], model: type[pydantic.BaseModel]
) -> tuple[str, str, list[type[pydantic.BaseModel]]]:
    """The dotted key of a fault, the same with NAME where a user chose a name, and the sections.

    Without the marks that pydantic adds for members of unions, and for the name itself. The
    sections are those in which the last part, if none has it, could be a key.
    """
    candidates, of_user = [model], False
    parts: list[int | str] = []
    general: list[int | str] = []
    for part in location:
        if isinstance(part, str) and _MARK.fullmatch(part):
            continue
        fields = [f for c in candidates if (f := _fields(c).get(part)) is not None]
        if of_user:
            parts.append(part)
            general.append("NAME")
            of_user = False
            continue
        if fields:
            candidates = [s for field in fields for s in sections(field.annotation)]
            of_user = named(fields[0])
        elif not isinstance(part, int) and not (
            # A key that no section knows, or one of a free mapping; a union's mark is neither.
            (part == location[-1] or not candidates) and part not in _marks(candidates)
        ):
            candidates = [c for c in candidates if part in tags(c)] or candidates
            continue
        parts.append(part)
        general.append(part)
    return ".".join(map(str, parts)), ".".join(map(str, general)), candidates


def _fields(section: type[pydantic.BaseModel]) -> dict[int | str, pydantic.fields.FieldInfo]:
    return {field.alias or name: field for name, field in section.model_fields.items()}


def _nested(dotted: str) -> str:
    """Says how a key is written that is dotted in YAML, as it is after `--set`."""
    *parents, last = dotted.split(".")
    inside = "".join(f"{parent}: {{" for parent in parents) + f"{last}: ..." + "}" * len(parents)
    return f"; a file nests sections: `{inside}`"


def _owners(key: str, general: str, model: type[pydantic.BaseModel]) -> str:
    """Says whose key it is, where the section of another name or type has it."""
    *parents, last = general.split(".")
    candidates = [model]
    for parent in parents:
        fields = [f for c in candidates if (f := _fields(c).get(parent)) is not None]
        if fields:
            candidates = [s for field in fields for s in sections(field.annotation)]
    owners = [c for c in candidates if last in _fields(c)]
    kinds = sorted({tag for owner in owners for tag in tags(owner)})
    by = "name" if any(tags(c) and "name" in c.model_fields for c in owners) else "type"
    way_out = f"remove it, or set {key.rpartition('.')[0]}.{by}"
    return f"; it is a key of {', '.join(kinds)}: {way_out}"


def _marks(candidates: list[type[pydantic.BaseModel]]) -> set[str]:
    marks = {"str", "int", "float", "bool", "none", "[key]"} | {c.__name__ for c in candidates}
    for candidate in candidates:
        marks |= tags(candidate)
    return marks


def _nearest(
    key: str, general: str, owners: list[type[pydantic.BaseModel]], valid: list[str]
) -> str:
    last = general.rpartition(".")[2]
    own = key.removesuffix(last)
    siblings = {str(name): f"{own}{name}" for owner in owners for name in _fields(owner)}
    if near := difflib.get_close_matches(last, siblings, 1):
        return f"; the nearest valid key is {siblings[near[0]]}"
    if own in _COLUMNS and last not in valid:
        return (
            f"; a column that is none of {', '.join(sorted(siblings))} is a feature: write "
            f"`features: {{{last}: {{of: ..., column: ...}}}}`, beside `log`"
        )
    if "NAME" not in general.split("."):  # else, as of a feature, only its own keys are of use
        elsewhere = [k for k in valid if k.rpartition(".")[2] == last]
        if near := elsewhere[:1] or difflib.get_close_matches(key, valid, 1):
            return f"; the nearest valid key is {near[0]}"
    return f"; valid keys here: {', '.join(sorted(siblings))}"


def _short(value: object, key: str) -> str:
    text = repr(secrets.shown(value, key))
    return text if len(text) <= 80 else text[:77] + "..."
