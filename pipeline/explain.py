"""`everlong config --explain`: every key, its type, default and meaning; or those that are set."""

from __future__ import annotations

import json
import textwrap
import types
import typing
from collections.abc import Iterator

import pydantic
import yaml
from pydantic_core import PydanticUndefined

from pipeline.config import Config
from pipeline.errors import named, sections, tags

_DEEP = 2  # levels of sections whose keys are explained one by one; below, a section is a line


def explain(model: type[pydantic.BaseModel] = Config, indent: int = 0) -> Iterator[str]:
    """Lines of commented YAML for a section and all below it."""
    pad = "  " * indent
    for attribute, field in model.model_fields.items():
        name = field.alias or attribute
        below = list(sections(field.annotation))
        yield from _comment(field.description or "", pad)
        if not below:
            yield f"{pad}{name}: {_default(field)}   # {_type(field.annotation)}"
            continue
        for section in below:
            label = ", ".join(tags(section)) or section.__name__
            mark = f"   # {label}" if len(below) > 1 else ""
            yield f"{pad}{name}:{mark}"
            if named(field):
                yield f"{pad}  NAME:"
            yield from explain(section, indent + 1 + named(field))


def explain_given(section: pydantic.BaseModel, level: int = 0) -> Iterator[str]:
    """Lines of commented YAML for the keys that a configuration sets, with their values."""
    pad = "  " * level
    given = section.model_dump(mode="json", exclude_unset=True)
    for attribute, field in type(section).model_fields.items():
        if attribute not in section.model_fields_set:
            continue
        name, value = field.alias or attribute, getattr(section, attribute)
        yield from _comment(field.description or "", pad)
        if isinstance(value, pydantic.BaseModel) and value.model_fields_set and level < _DEEP:
            yield f"{pad}{name}:"
            yield from explain_given(value, level + 1)
            continue
        style = None if isinstance(given[name], dict | list) else False  # None: leaves are a line
        text = yaml.safe_dump(
            {name: given[name]}, default_flow_style=style, sort_keys=False, allow_unicode=True
        )
        yield textwrap.indent(text.rstrip(), pad)


def _comment(text: str, pad: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()), 96, initial_indent=f"{pad}# ", subsequent_indent=f"{pad}# "
    )


def _default(field: pydantic.fields.FieldInfo) -> str:
    if field.is_required():
        return "(must be given)"
    value = field.get_default(call_default_factory=True)
    return "(must be given)" if value is PydanticUndefined else json.dumps(value, default=str)


def _type(annotation: object) -> str:
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return " | ".join(map(str, typing.get_args(annotation)))
    if origin is typing.Annotated:
        return _type(typing.get_args(annotation)[0])
    if origin is typing.Union or isinstance(annotation, types.UnionType):
        return " | ".join(_type(a) for a in typing.get_args(annotation))
    if origin is not None:
        return f"{origin.__name__} of {', '.join(_type(a) for a in typing.get_args(annotation))}"
    if annotation is type(None):
        return "null"
    return getattr(annotation, "__name__", str(annotation))
