"""The Pusher of TFX, but a version appears whole or not at all."""

from __future__ import annotations

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, channel, component_spec, standard_artifacts

from components.pusher.executor import Executor


class PusherSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of Pusher."""

    PARAMETERS = {  # noqa: RUF012
        "destination": component_spec.ExecutionParameter(type=str),
        "attempt": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {  # noqa: RUF012
        "pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel)
    }


class Pusher(base_component.BaseComponent):
    """Makes a blessed model the newest version in the folder that TensorFlow Serving watches.

    TFX's own component copies file by file into the version's folder, which can be loaded half
    copied, and makes a new version whenever it runs. This one copies aside, loads the copy and
    scores examples with it, and renames it (`versions.push`); in an object store the file that
    makes it a model comes last (`objects.push`). A model that is the newest version already stays
    the only one of its kind.

    Outputs:
      pushed_model: with `pushed`, `pushed_destination` and `pushed_version`, as TFX's component
        marks it; `pushed` is 1 only if that version is there and loads.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: BaseChannel,
        model_blessing: BaseChannel,
        examples: BaseChannel,
        destination: str,
        attempt: str,
        code: str,
    ):
        """Describes one use of the component.

        Args:
          model: to push.
          model_blessing: says whether to.
          examples: with the split `eval`; the version must give some of them probabilities.
          destination: folder of the versions, local or in an object store.
          attempt: when it changes, a cached result is not used again: what was pushed may be gone.
          code: digest of its source; likewise.
        """
        super().__init__(
            PusherSpec(
                model=model,
                model_blessing=model_blessing,
                examples=examples,
                destination=destination,
                attempt=attempt,
                code=code,
                pushed_model=channel.Channel(type=standard_artifacts.PushedModel),
            )
        )
