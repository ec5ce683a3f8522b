"""TFX's cache, made to trust files instead of folders, and to know no places.

TFX takes a result from its cache if the folder is there, whatever is in it; and the key of a result
holds the paths of its inputs, so that nothing in a folder that was moved would be found again.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx import types
from tfx.orchestration.portable import cache_utils, execution_publish_utils
from tfx.types import artifact_utils

from components import artifact_content

_log = logging.getLogger("everlong")


@contextlib.contextmanager
def checked_cache(folder: Path) -> Iterator[None]:
    """While it lasts, what components write is recorded, and checked before it is used again.

    Args:
      folder: of the run; keys of the cache do not change when it moves.
    """
    key, publish = (
        cache_utils.get_cache_context,
        execution_publish_utils.publish_succeeded_execution,
    )

    def placeless_key(**arguments: Any) -> Any:
        for name in ("input_artifacts", "output_artifacts"):
            arguments[name] = _placeless(arguments.get(name) or {}, str(folder))
        parameters = arguments.get("parameters") or {}
        arguments["parameters"] = {
            name: str(value).replace(str(folder), "") for name, value in parameters.items()
        }
        return key(**arguments)

    def record_and_publish(**arguments: Any) -> Any:
        output = arguments.get("executor_output")
        for name, artifacts in (arguments.get("output_artifacts") or {}).items():
            for artifact in artifacts:
                artifact_content.record(artifact)
            # What the executor hands back replaces these.
            if output is not None and name in output.output_artifacts:
                told = output.output_artifacts[name].artifacts
                for artifact, one in zip(artifacts, told, strict=True):
                    one.custom_properties[
                        artifact_content.CONTENT
                    ].string_value = artifact.get_string_custom_property(artifact_content.CONTENT)
        return publish(**arguments)

    with (
        _replaced(cache_utils, "get_cache_context", placeless_key),
        _replaced(artifact_utils, "verify_artifacts", _verify),
        _replaced(execution_publish_utils, "publish_succeeded_execution", record_and_publish),
    ):
        yield


def _verify(artifacts: Mapping[str, Sequence[types.Artifact]]) -> None:
    """Refuses a result of the cache, as TFX's own check does, which asks for the folder alone."""
    for artifact in itertools.chain(*artifacts.values()):
        if fault := artifact_content.fault_of(artifact):
            _log.warning("%s; it is made again", fault)
            raise RuntimeError(fault)


def _placeless(
    artifacts: Mapping[str, Sequence[types.Artifact]], folder: str
) -> dict[str, list[types.Artifact]]:
    """Copies without the folder, and without the time at which a move was noted."""
    found = {name: [copy.deepcopy(one) for one in several] for name, several in artifacts.items()}
    for artifact in itertools.chain(*found.values()):
        proto = artifact.mlmd_artifact
        proto.uri = proto.uri.replace(folder, "")
        proto.ClearField("last_update_time_since_epoch")
        for value in proto.custom_properties.values():
            if value.HasField("string_value"):
                value.string_value = value.string_value.replace(folder, "")
    return found


@contextlib.contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
