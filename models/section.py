"""The base of all typed sections of a configuration."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any

import pydantic
from pydantic_core import InitErrorDetails, PydanticCustomError

# Any number that a log may hold; what has no bound of its own has these.
Number = Annotated[float, pydantic.Field(ge=-1e300, le=1e300)]
Integer = Annotated[int, pydantic.Field(ge=-(2**63), lt=2**63)]


class Section(pydantic.BaseModel):
    """One section of a configuration file: immutable, and refusing keys that it does not know.

    Every field of a subclass carries `pydantic.Field(default, description=...)`; the description is
    what `everlong config --explain` prints. Every number has finite bounds: an absurd size is
    refused by its key, instead of by the system hours later.
    """

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, serialize_by_alias=True
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _values_mean_something(cls, values: Any) -> Any:
        """Refuses truth values for numbers, which Python counts with, and empty texts."""
        faults = []
        for name, value in values.items() if isinstance(values, dict) else ():
            if name in cls.model_fields and (isinstance(value, bool) or value == ""):
                kinds = _kinds(cls.model_fields[name].annotation)
                told = None
                if value == "" and str in kinds:
                    told = PydanticCustomError("empty", "must not be empty")
                elif value != "" and kinds & {int, float} and bool not in kinds:
                    told = PydanticCustomError("truth", "Input should be a valid number")
                if told is not None:
                    faults.append(InitErrorDetails(type=told, loc=(name,), input=value))
        if faults:
            raise pydantic.ValidationError.from_exception_data(cls.__name__, faults)
        return values


def without_null(named: object) -> object:
    """Returns sections by name without those that are null, none of null itself.

    So does `--set features.NAME=null` take one away that a configuration has.
    """
    if named is None:
        return {}
    if not isinstance(named, dict):
        return named
    return {name: value for name, value in named.items() if value is not None}


def _kinds(annotation: Any) -> set[Any]:
    """The types that a value may have, of all parts of a union."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _kinds(parts[0])
    if origin in (typing.Union, types.UnionType):
        return set[Any]().union(*map(_kinds, parts))
    return {annotation}
