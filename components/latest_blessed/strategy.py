"""The latest blessed model other than the candidate itself, the latest other statistics."""

from __future__ import annotations

import itertools
import logging

from ml_metadata.metadata_store.metadata_store import MetadataStore
from tfx import types
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)

from components.artifact_content import fault_of


class LatestOtherBlessedModelStrategy(ResolverStrategy):
    """Resolves `model` and `model_blessing` as TFX's strategy does, never to `candidate`.

    A model whose files are gone or damaged is passed over, and said so.

    When nothing changed, Trainer's cached model is the latest blessed one; judging it against
    itself says nothing, and would evaluate and push it a second time instead of using the cache.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Drops the candidate, then applies TFX's `LatestBlessedModelStrategy`."""
        candidates = {artifact.id for artifact in input_dict["candidate"]}
        others = [model for model in input_dict["model"] if model.id not in candidates]
        latest = LatestBlessedModelStrategy()
        while True:
            resolved = latest.resolve_artifacts(
                store, {"model": others, "model_blessing": input_dict["model_blessing"]}
            )
            found = (resolved or {}).get("model", [])
            if not found or not _skipped("the latest blessed model", found[0]):
                return {**(resolved or {}), "candidate": input_dict["candidate"]}
            others = [model for model in others if model.id != found[0].id]


class LatestOtherStatisticsStrategy(ResolverStrategy):
    """Resolves `statistics` to the newest ones of other data than `current`, or to none.

    Statistics of other origin, such as Transform's, have other splits, or none.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Takes the artifact with the highest id that is not current."""
        (current,) = input_dict["current"]
        others = [
            artifact
            for artifact in input_dict["statistics"]
            if artifact.id != current.id and artifact.split_names == current.split_names
        ]
        newest = sorted(others, key=lambda artifact: -artifact.id)
        usable = (one for one in newest if not _skipped("the latest other statistics", one))
        return {"statistics": list(itertools.islice(usable, 1)), "current": [current]}


def _skipped(what: str, artifact: types.Artifact) -> bool:
    """Whether an artifact cannot be used, which is then said."""
    fault = fault_of(artifact)
    if fault is not None:
        logging.getLogger("everlong").warning("%s is passed over: %s", what, fault)
    return fault is not None
