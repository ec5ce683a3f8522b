"""The latest blessed model other than the candidate itself."""

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
