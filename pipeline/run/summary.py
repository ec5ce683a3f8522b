"""The end of a run: what was decided and why, what was measured, where everything is."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from components.evaluator.tfma.read import overall_metrics, verdict
from components.evaluator.trivial_rules import words
from components.versions import versions
from models.metric_table import METRICS
from models.metrics import lift_share
from pipeline.config import Config
from pipeline.log_lines import log_lines
from pipeline.result_file import write_atomically
from pipeline.run_folder.lineage import Artifact, Outputs

_REPEATS = {
    "keep": "positives and negatives may be items that the user had before",
    "drop": "neither positives nor negatives are items that the user had before",
}


@dataclasses.dataclass(frozen=True)
class Timing:
    """Wall seconds of the components that ran, those taken from the cache, and the total."""

    seconds: dict[str, float]
    cached: list[str]
    total: float


def summarize(config: Config, output: Path, found: Outputs, timing: Timing) -> dict[str, Any]:
    """Gathers what a run made, and writes `summary.json` into the output folder.

    Args:
      config: of the run.
      output: its folder.
      found: the outputs of its nodes.
      timing: how long they took.
    """

    def shown(path: str) -> str:
        # A run below a folder such as `[1]` goes through a link, which nobody needs to see.
        return path.replace(str(output), str(output.resolve()), 1)

    evaluation = found["Evaluator"]["evaluation"].uri
    blessed = found["Evaluator"]["blessing"].properties.get("blessed") == 1
    counts = _read(found["BehaviorExampleGen"]["examples"], "counts.json")
    training = _read(found["Trainer"]["model_run"], "training.json")
    splits = counts["splits"]
    gate = verdict(evaluation)
    summary = {
        "name": config.name,
        "blessed": blessed,
        "verdict": gate["sentence"],
        "reasons": gate["reasons"],
        "pushed_model": shown(_pushed(found["Pusher"]["pushed_model"])) if blessed else None,
        "protocol": gate["protocol"],
        "drawn_negatives": gate["drawn_negatives"],
        "metrics": {
            name: value if math.isfinite(value) else None
            for name, value in overall_metrics(evaluation).items()
        },
        "examples": {
            "train": splits["train"]["examples"],
            "validation": splits["validation"]["examples"],
            "eval": splits["eval"]["examples"],
            "targets": sum(split["targets"] for split in splits.values()),
            "users": counts["users"],
            "rows": counts["rows"],
            "dropped": counts["dropped"],
            **{key: counts[key] for key in ("times", "missing", "warnings")},
            **{key: counts.get(key) for key in ("repeats", "repeated_share")},
            "items": counts.get("items"),
        },
        "trivial_rules": gate["trivial_rules"],
        "train": training,
        "seconds": {**timing.seconds, "total": timing.total},
        "cached": timing.cached,
        "model": shown(found["Trainer"]["model"].uri),
        "report": shown(str(Path(found["EvaluationReport"]["report"].uri) / "index.html")),
        "log": str(output.resolve() / "log.txt"),
        "config_hash": config.hash,
        "versions": versions(),
    }
    write_atomically(
        output / "summary.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
    )
    return summary


def render(summary: dict[str, Any]) -> str:
    """The summary for a terminal: the verdict first."""
    metrics, train = summary["metrics"], summary["train"]
    decided = "BLESSED and pushed" if summary["blessed"] else "NOT BLESSED, nothing was pushed"
    lines = ["", f"{summary['name']}: {decided}", f"  {summary['verdict']}"]
    if len(summary["reasons"]) > 1:
        lines += [f"    - {reason}" for reason in summary["reasons"]]
    drawn = summary["drawn_negatives"]
    shown = "   ".join(
        f"{METRICS[name].labelled(summary['protocol'])} {'-' if value is None else f'{value:.4f}'}"
        for name, value in metrics.items()
        if not (METRICS[name].of_rate and drawn)
    )
    lines.append(f"  metrics   {shown}")
    if drawn:
        lines.append(f"            among negatives that were drawn, {drawn} for each positive")
    oracle, auc = (metrics.get(name) for name in ("oracle_auc", "auc"))
    if oracle is not None and auc is not None and math.isfinite(reached := lift_share(auc, oracle)):
        lines.append(f"            {reached:.1%} of the way from 0.5 to the oracle's AUC")
    lines.append(
        f"  rules     AUC without a model (within requests): {words(summary['trivial_rules'])}"
    )
    lines.append(
        f"  training  {train['steps']:,} steps, {train['targets_per_second']:,.0f} targets/s, "
        f"{train['seconds']:.1f} s"
    )
    dropped, repeats = summary["examples"]["dropped"], summary["examples"]["repeats"]
    if repeats:
        share = summary["examples"]["repeated_share"]
        since = "" if share is None else f", as {share:.1%} of positives are such"
        lines.append(f"  drawn     negatives; repeats: {repeats} ({_REPEATS[repeats]}{since})")
    lines.append(
        f"  log       {summary['examples']['rows']:,} rows, "
        f"{summary['examples']['targets']:,} targets; dropped: "
        + (", ".join(f"{count:,} {reason}" for reason, count in dropped.items() if count) or "none")
    )
    lines += log_lines(summary["examples"], "  ")
    for name, value in (
        ("pushed", summary["pushed_model"]),
        ("report", summary["report"]),
        ("log file", summary["log"]),
        ("total", f"{summary['seconds']['total']:.1f} s"),
    ):
        if value:
            lines.append(f"  {name:<9} {value}")
    return "\n".join(lines)


def _read(artifact: Artifact, name: str) -> dict[str, Any]:
    return json.loads((Path(artifact.uri) / name).read_text(encoding="utf-8"))


def _pushed(artifact: Artifact) -> str:
    return str(artifact.properties["pushed_destination"])
