"""Whether the latest blessed model may have learned from what now judges both."""

from __future__ import annotations

import datetime
import json
import os
from typing import Any

from tfx.dsl.io import fileio

from models.features import CONTRACT


def learned_from(baseline: str, candidate: str) -> str | None:
    """How the latest blessed model's training differs from the candidate's, in words.

    A split by time is left to the log: as it grows, training ends later, never earlier. Any other
    change of the split moves targets between training and judgement.

    Args:
      baseline: folder of the latest blessed SavedModel.
      candidate: of the one that is judged.

    Returns:
      None where it learned from nothing of the eval split, or where this is not known.
    """
    before, now = _contract(baseline), _contract(candidate)
    if not (before.get("split") and now.get("split")):
        return None
    if before["split"]["by"] == now["split"]["by"] == "time":
        last, this = (told["time"]["last_of_training"] for told in (before, now))
        if last <= this:
            return None
        return f"it learned from times up to {_time(last, now)}, this one up to {_time(this, now)}"
    if before["split"] == now["split"]:
        return None
    return (
        f"it was trained on the split {_words(before['split'])}, this one on {_words(now['split'])}"
    )


def _contract(folder: str) -> dict[str, Any]:
    """What is said beside a model; nothing of one that says nothing."""
    path = os.path.join(folder, CONTRACT)
    if not fileio.exists(path):
        return {}
    with fileio.open(path) as file:
        return json.loads(file.read())


def _words(split: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in split.items())


def _time(value: int, contract: dict[str, Any]) -> str:
    if contract["time"]["unit"] == "an order":
        return str(value)
    return f"{datetime.datetime.fromtimestamp(value, datetime.UTC):%Y-%m-%d %H:%M:%S}"
