"""Logs on which nothing can be learned: labels are coin flips, or items are drawn at random.

`python benchmarks/truth/logs.py OUT` writes `leak.csv`, `iid.csv` and `noise.csv` into a folder.
They have so many targets that an AUC of .5 is told to about .01 either side:

  iid: one item at a time, a coin flip; `behavior` tells later targets what came of it.
  leak: likewise, with a dwell time that gives the label away; at the very time of the target and a
    second later stand behaviours that name it, too.
  noise: items without labels, drawn at random; negatives are to be drawn.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 7
ITEMS, CATEGORIES = 40, 8
BEGIN = 1_600_000_000  # s


def impressions(random: np.random.Generator, users: int, each: int, items: int) -> pd.DataFrame:
    """Returns `each` rows of every user, of random items, 2,000 to 5,000 s apart."""
    item = random.integers(items, size=users * each)
    gaps = random.integers(2_000, 5_001, size=(users, each))
    return pd.DataFrame(
        {
            "user": np.repeat(np.arange(users), each),
            "item": item,
            "cat": item % CATEGORIES,
            "time": BEGIN + gaps.cumsum(axis=1).ravel(),
        }
    )


def iid(random: np.random.Generator) -> pd.DataFrame:
    """Returns 1,600 users x 50 targets."""
    log = impressions(random, 1_600, 50, ITEMS)
    label = random.integers(2, size=len(log))
    return log.assign(beh=np.where(label == 1, "click", "skip"), label=label)


def leak(random: np.random.Generator) -> pd.DataFrame:
    """Returns 2,000 users x 40 targets, each followed by two rows that tell its label."""
    log = impressions(random, 2_000, 40, ITEMS)
    label = random.integers(2, size=len(log))
    clicked = label == 1
    log = log.assign(
        beh=np.where(clicked, "click", "skip"), dwell=np.where(clicked, 100, 1), label=label
    )
    told = {"dwell": 50 + label, "label": None}
    at_once = log.assign(
        item=1000 + label, cat=100 + label, beh=np.where(clicked, "x1", "x0"), **told
    )
    after = log.assign(
        item=2000 + label,
        cat=200 + label,
        time=log["time"] + 1,
        beh=np.where(clicked, "y1", "y0"),
        **told,
    )
    return pd.concat([log, at_once, after]).sort_values(["user", "time"], kind="stable")


def noise(random: np.random.Generator) -> pd.DataFrame:
    """Returns 2,000 users x 40 purchases."""
    return impressions(random, 2_000, 40, 2 * ITEMS)


def main() -> None:
    """Writes the logs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the logs")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, write in {"iid": iid, "leak": leak, "noise": noise}.items():
        write(np.random.default_rng(SEED)).to_csv(out / f"{name}.csv", index=False)


if __name__ == "__main__":
    main()
