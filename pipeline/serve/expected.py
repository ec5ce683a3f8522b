"""What a version expects of its requests: the ids that it knows, and the scores that it gives.

Both come from the contract beside the model (`models/contract.py`), so that a server can tell when
what it is asked is no longer what was trained on.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from models import features


@dataclasses.dataclass(frozen=True)
class Expected:
    """What is known of a version; of a model without a contract, nothing.

    Attributes:
      known: [V] keys of the values that each input's vocabulary has, rising, by the input's name.
      bounds: [R - 1] between ranges of scores, rising; what equals one is below it.
      shares: [R] of the validation split's scores, by range; none, where they are not known.
      required: features that an example must name, if without values.
    """

    known: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    bounds: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))
    shares: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))
    required: frozenset[str] = frozenset()

    @classmethod
    def read(cls, folder: Path) -> Expected:
        """Reads it from the folder of a version.

        Raises:
          ValueError: naming a file that is not what the contract says, as of a copy cut short.
        """
        path = folder / features.CONTRACT
        if not path.exists():
            return cls()
        try:
            told = json.loads(path.read_bytes())
        except ValueError as error:
            raise ValueError(f"{path.name} is no JSON: {error}") from None
        _check_whole(folder, told.get(features.FILES, {}))
        inputs = told["signatures"][features.SCORE]["inputs"]
        of_file: dict[tuple[str, bool], np.ndarray] = {}
        known = {}
        for name, one in inputs.items():
            if vocabulary := one.get("vocabulary"):
                place = vocabulary, one["dtype"] == "string"
                if place not in of_file:
                    lines = (folder / "assets" / vocabulary).read_bytes().splitlines()
                    values = lines if place[1] else [int(line) for line in lines]
                    of_file[place] = np.sort(_keys(values))
                known[name] = of_file[place]
        examples = told["signatures"].get(features.SERVING_DEFAULT, {}).get("features", {})
        required = frozenset(name for name, one in examples.items() if one["required"])
        scores = told.get(features.VALIDATION_SCORES, {"bounds": [], "shares": []})
        return cls(known, np.array(scores["bounds"]), np.array(scores["shares"]), required)

    def unknown(self, name: str, values: Sequence[int] | Sequence[bytes]) -> int:
        """How many values of an input that has a vocabulary are not in it."""
        known, keys = self.known[name], _keys(values)
        place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        return int((known[place] != keys).sum()) if len(known) else len(keys)


def _check_whole(folder: Path, sizes: Mapping[str, int]) -> None:
    for name, size in sizes.items():
        file = folder / name
        found = file.stat().st_size if file.is_file() else None
        if found != size:
            has = "is not there" if found is None else f"has {found:,} bytes"
            raise ValueError(
                f"{name} {has}, of {size:,}: copy a version beside this folder, and rename it"
            )


def _keys(values: Sequence[int] | Sequence[bytes]) -> np.ndarray:
    """Whole numbers as they are, and hashes of texts, [n] int64.

    Sorted, they take 8 bytes a value, where a set of texts takes a hundred.
    """
    return np.fromiter((hash(v) if isinstance(v, bytes) else v for v in values), np.int64)
