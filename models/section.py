"""The base of all typed sections of a configuration."""

from __future__ import annotations

from typing import Annotated

import pydantic

# Any number that a log may hold; what has no bound of its own has these.
Number = Annotated[float, pydantic.Field(ge=-1e300, le=1e300)]
Integer = Annotated[int, pydantic.Field(ge=-(2**63), lt=2**63)]


class Section(pydantic.BaseModel):
    """One section of a configuration file: immutable, and refusing keys that it does not know.

    Every field of a subclass carries `pydantic.Field(default, description=...)`; the description is
    what `everlong config --explain` prints. Every number has finite bounds: an absurd size is
    refused by its key, instead of by the system hours later.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
