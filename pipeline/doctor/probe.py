"""One look at one thing, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from components.errors import InputError

OK, WARNING, FAILED = "ok", "warning", "failed"


class Fault(Exception):
    """A thing that Everlong cannot work with; the message is a sentence with the way out."""


class Doubt(Exception):
    """A thing that works, though not as it might; the message is a sentence with the way out."""


class Probe(NamedTuple):
    """A name, and a function that looks.

    It returns what it found, raises `Fault`, `InputError` or `Doubt`, which say the way out
    themselves, or anything else, for which `way_out` is said.
    """

    what: str
    look: Callable[[], str]
    way_out: str = ""


class Finding(NamedTuple):
    """What came of a probe: `state` is OK, WARNING or FAILED; `said` is one line."""

    what: str
    state: str
    said: str

    def __str__(self) -> str:
        return f"{self.state:<8} {self.what:<12} {self.said}"


def examine(probe: Probe) -> Finding:
    """Looks, whatever happens."""
    try:
        state, said = OK, probe.look()
    except Doubt as doubt:
        state, said = WARNING, str(doubt)
    except (Fault, InputError) as fault:
        state, said = FAILED, str(fault)
    except Exception as error:
        told = str(error).strip() or "no message"
        state, said = FAILED, f"{type(error).__name__}: {_first_line(told)}; {probe.way_out}"
    return Finding(probe.what, state, _first_line(said))


def _first_line(text: str) -> str:
    return text.partition("\n")[0][:400]
