"""What a model scores items that it never saw in training, and how well it ranks among them.

A share of the movies of MovieLens-1M, drawn by hash, loses its rows in what trains; the last fifth
of each user's ratings, half of which validates and half of which judges, keeps them. So unseen
items are like the others but for being unseen, and should score like them: the click rate of both
is told beside their mean scores. With `--new-category`, no other movie has their first genre, which
is the category, either.

    python benchmarks/cold_items.py --config movielens_1m_1500 --output DIR --json OUT
"""

from __future__ import annotations

import components  # noqa: F401  # it sets the environment of libraries, before they are imported

# isort: split
import argparse
import contextlib
import csv
import gzip
import hashlib
import itertools
import shutil
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from components.behavior_example_gen.config.ingest_config import SPLITS
from models.metrics import Predictions
from pipeline import result_file
from pipeline.ablation.compare import Draws
from pipeline.ablation.conduct import job_of
from pipeline.ablation.data import prepare
from pipeline.ablation.job import Job, Result
from pipeline.ablation.outcome import frozen_scores
from pipeline.ablation.pack import FROZEN_ORDER
from pipeline.ablation.runs import Workers
from pipeline.arguments import add_config
from pipeline.config import Config, load
from pipeline.fingerprints import code
from pipeline.terminal.console import Terminal, quiet

HELD_OUT = 0.1  # of the movies
TRAINS, VALIDATES = 0.8, 0.9  # of each user's ratings: where what trains ends, and what validates
USER, ITEM, POSITION = "user_id", "movie_id", "position"
REFERENCE = "as before"
# By name: overrides of the configuration.
VARIANTS: dict[str, list[str]] = {
    REFERENCE: ["model.id_dropout=0"],
    "min_count 5": ["model.id_dropout=0", "tables={item: {min_count: 5}}"],
    "min_count 20": ["model.id_dropout=0", "tables={item: {min_count: 20}}"],
    "dropout 0.02": ["model.id_dropout=0.02"],
    "dropout 0.05": ["model.id_dropout=0.05"],
    "dropout 0.1": ["model.id_dropout=0.1"],
    "dropout 0.2": ["model.id_dropout=0.2"],
}


def is_held_out(item: str) -> bool:
    digest = hashlib.sha256(item.encode()).digest()
    return int.from_bytes(digest[:4], "big") < HELD_OUT * 2**32


def write_log(published: Path, folder: Path, new_category: bool) -> None:
    """Writes the log without the held-out movies' training rows, and with a column `split`."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(published / "users.dat", folder / "users.dat")
    movies = (published / "movies.dat").read_text(encoding="latin-1").splitlines()
    for number, line in enumerate(movies):
        movie, title, genres = line.split("::")
        if new_category and is_held_out(movie):
            movies[number] = f"{movie}::{title}::New|{genres}"
    (folder / "movies.dat").write_text("\n".join(movies) + "\n", encoding="latin-1")
    with gzip.open(published / "ratings.csv.gz", "rt", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (row[USER], int(row[POSITION])))
    with gzip.open(folder / "ratings.csv.gz", "wt", compresslevel=1, encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0], "split"])
        writer.writeheader()
        for _, group in itertools.groupby(rows, key=lambda row: row[USER]):
            own = list(group)
            for number, row in enumerate(own):
                share = number / len(own)
                split = SPLITS[(share >= TRAINS) + (share >= VALIDATES)]
                if split != SPLITS[0] or not is_held_out(row[ITEM]):
                    writer.writerow(row | {"split": split})


def configured(name: str, overrides: list[str], log: Path) -> Config:
    split = "split={by: column, column: split}"
    return load(name, [*overrides, f"log.folder={log}", split])


def predictions(targets: dict[str, np.ndarray], result: Result) -> Predictions:
    frozen = frozen_scores(targets, result) if FROZEN_ORDER in targets else None
    users, requests = targets["user"], targets["request"]
    return Predictions(targets["label"], result.scores, users, requests, frozen)


def only(found: Predictions, which: np.ndarray) -> Predictions:
    frozen = None if found.frozen is None else found.frozen[which]
    users, requests = found.users[which], found.requests[which]
    return Predictions(found.labels[which], found.scores[which], users, requests, frozen)


def rows(results: dict[str, list[Predictions]], cold: np.ndarray) -> list[dict[str, Any]]:
    """A row for each variant, averaged over its seeds; differences are from the first one."""
    parts = {"all": np.full(len(cold), True), "unseen": cold, "seen": ~cold}
    scored = {
        part: Draws(
            {(n, s): only(x, which) for n, found in results.items() for s, x in enumerate(found)}
        )
        for part, which in parts.items()
    }
    found = []
    for name, of_seeds in results.items():
        seeds = range(len(of_seeds))
        row: dict[str, Any] = {"variant": name, "seeds": len(of_seeds)}
        for part, which in parts.items():
            labels = of_seeds[0].labels[which]
            row[f"targets_{part}"] = int(which.sum())
            row[f"click_rate_{part}"] = float(labels.mean())
            row[f"mean_score_{part}"] = statistics.mean(
                float(x.scores[which].mean()) for x in of_seeds
            )
            for metric in ("auc", "gauc", "logloss"):
                draws = scored[part]
                row[f"{metric}_{part}"] = statistics.mean(
                    draws.observed(metric, name, seed) for seed in seeds
                )
                if name != REFERENCE:
                    interval = draws.interval(metric, name, REFERENCE, seeds)
                    row[f"{metric}_{part}_difference"] = [
                        interval.estimate, interval.lower, interval.upper,
                    ]  # fmt: skip
        row["unseen_to_seen"] = row["mean_score_unseen"] / row["mean_score_seen"]
        row["clicks_unseen_to_seen"] = row["click_rate_unseen"] / row["click_rate_seen"]
        found.append(row)
    return found


def study(parsed: argparse.Namespace, terminal: Terminal) -> list[dict[str, Any]]:
    log = parsed.output / "log"
    if not log.exists():
        published = Path(load(parsed.config, parsed.overrides).log.folder)
        write_log(published, log, parsed.new_category)
    source = code("pipeline.ablation.worker")
    jobs: dict[str, list[Job]] = {}
    targets: dict[str, np.ndarray] = {}
    for name in parsed.variants or VARIANTS:
        config = configured(parsed.config, [*parsed.overrides, *VARIANTS[name]], log)
        ingest = hashlib.sha256(config.ingest.model_dump_json().encode()).hexdigest()[:12]
        data = prepare(config, parsed.output / "data" / ingest, terminal)
        targets = targets or data.read_targets()  # the same in all
        jobs[name] = [job_of(name, config, seed, data, source) for seed in range(parsed.seeds)]
    workers = Workers(parsed.output / "runs", 1, parsed.threads, terminal)
    done, failures = workers.run([one for own in jobs.values() for one in own])
    if failures:
        raise RuntimeError(f"runs failed: {failures}")
    results = {n: [predictions(targets, done[one.key]) for one in own] for n, own in jobs.items()}
    cold = np.array([is_held_out(str(int(item))) for item in targets["item"]])
    return rows(results, cold)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    add_config(parser)
    parser.add_argument("--variant", action="append", dest="variants", choices=[*VARIANTS])
    parser.add_argument("--new-category", action="store_true", help="unseen categories, too")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, required=True, help="what is kept between calls")
    parser.add_argument("--json", type=Path, required=True, metavar="OUT")
    parsed = parser.parse_args()
    result_file.check_writable(parsed.json)
    config = load(parsed.config, parsed.overrides)
    with contextlib.ExitStack() as stack:
        terminal = stack.enter_context(quiet(parsed.output / "log.txt"))
        found = study(parsed, terminal)
        columns = ("auc_all", "auc_seen", "auc_unseen", "unseen_to_seen", "clicks_unseen_to_seen")
        shown = {"variant": "variant"} | {name: name for name in columns}
        terminal.line(result_file.table(found, shown))
    result_file.write(parsed.json, config, found)


if __name__ == "__main__":
    main()
