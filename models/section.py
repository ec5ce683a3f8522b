"""The base of all typed sections of a configuration."""

from __future__ import annotations

import pydantic


class Section(pydantic.BaseModel):
    """One section of a configuration file: immutable, and refusing keys that it does not know.

    Every field of a subclass carries `pydantic.Field(default, description=...)`; the description is
    what `everlong config --explain` prints.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
