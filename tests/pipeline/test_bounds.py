"""Every number of a configuration has finite bounds, and none may be infinite or undefined."""

from __future__ import annotations

import math
import typing
from collections.abc import Iterator
from typing import Any

import pydantic
import pytest

from models.section import Section
from models.training_config import RunSettings
from pipeline.config import Config


def _sections(section: type[Section] = Section) -> Iterator[type[Section]]:
    for below in section.__subclasses__():
        yield below
        yield from _sections(below)


def _numbers(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[tuple[type, list[Any]]]:
    """The numeric types within an annotation, each with what constrains it."""
    if typing.get_origin(annotation) is typing.Annotated:
        inner, *constraints = typing.get_args(annotation)
        flat = [part for c in constraints for part in getattr(c, "metadata", [c])]
        yield from _numbers(inner, (*metadata, *flat))
    elif typing.get_origin(annotation) is typing.Literal:
        return
    elif typing.get_args(annotation):
        for argument in typing.get_args(annotation):
            yield from _numbers(argument, metadata)
    elif annotation in (int, float):
        yield annotation, list(metadata)


FIELDS = [
    pytest.param(section, name, id=f"{section.__name__}.{name}")
    for section in dict.fromkeys(_sections())
    if section.__module__.partition(".")[0] in ("components", "models", "pipeline")
    for name, field in section.model_fields.items()
    if [*_numbers(field.annotation, tuple(field.metadata))]
]


def test_the_walk_finds_the_sections_of_a_run() -> None:
    found = set(_sections())
    assert {Config, RunSettings} <= found
    assert len(FIELDS) > 80


@pytest.mark.parametrize(("section", "name"), FIELDS)
def test_a_number_has_finite_bounds(section: type[Section], name: str) -> None:
    field = section.model_fields[name]
    for kind, constraints in _numbers(field.annotation, tuple(field.metadata)):
        least = [getattr(c, side) for c in constraints for side in ("ge", "gt") if hasattr(c, side)]
        most = [getattr(c, side) for c in constraints for side in ("le", "lt") if hasattr(c, side)]
        assert least and most, f"{section.__name__}.{name}: {kind.__name__} without a bound"
        assert all(map(math.isfinite, [*least, *most]))


@pytest.mark.parametrize(("section", "name"), FIELDS)
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e301, -1e301, 10**400])
def test_a_value_beyond_all_bounds_is_refused(
    section: type[Section], name: str, value: float
) -> None:
    field = section.model_fields[name]
    strict = pydantic.TypeAdapter(
        typing.Annotated[(field.annotation, *field.metadata)] if field.metadata else
        field.annotation,
        config=pydantic.ConfigDict(allow_inf_nan=section.model_config["allow_inf_nan"])
        if not _is_section(field.annotation) else None,
    )  # fmt: skip
    for wrapped in (value, [value], [value, value], {"auc": value}):
        with pytest.raises(pydantic.ValidationError):
            strict.validate_python(wrapped)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel)
