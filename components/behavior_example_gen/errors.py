"""The one error of this component."""

from __future__ import annotations

from components.errors import InputError


class LogError(InputError):
    """A behaviour log that cannot be used. The message names the file or key, and what to do."""
