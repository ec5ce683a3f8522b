"""The latest blessed model other than the candidate itself, the latest other statistics."""

from __future__ import annotations

from ml_metadata.metadata_store.metadata_store import MetadataStore
from tfx import types
from tfx import v1 as tfx


class LatestOtherBlessedModelStrategy(tfx.dsl.experimental.ResolverStrategy):
    """Resolves `model` and `model_blessing` as TFX's strategy does, never to `candidate`.

    When nothing changed, Trainer's cached model is the latest blessed one; judging it against
    itself says nothing, and would evaluate and push it a second time instead of using the cache.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Drops the candidate, then applies TFX's `LatestBlessedModelStrategy`."""
        candidates = {artifact.id for artifact in input_dict["candidate"]}
        others = {
            "model": [model for model in input_dict["model"] if model.id not in candidates],
            "model_blessing": input_dict["model_blessing"],
        }
        resolved = tfx.dsl.experimental.LatestBlessedModelStrategy().resolve_artifacts(
            store, others
        )
        return {**(resolved or {}), "candidate": input_dict["candidate"]}


class LatestOtherStatisticsStrategy(tfx.dsl.experimental.ResolverStrategy):
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
        newest = sorted(others, key=lambda artifact: artifact.id)[-1:]
        return {"statistics": newest, "current": [current]}
