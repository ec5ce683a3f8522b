"""Executor of Pusher."""

from __future__ import annotations

import functools
import logging
import os
import shutil
from typing import Any

from tfx import types
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.pusher import objects, versions
from components.pusher.verify import here, requests, verify

# Properties of `PushedModel`, as TFX's Pusher names them.
PUSHED, DESTINATION, VERSION = "pushed", "pushed_destination", "pushed_version"
_SPLIT = "eval"


class Executor(base_executor.BaseExecutor):
    """Pushes a blessed model, and says so only of a version that is there and loads."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes the model if it was blessed, and marks the artifact as TFX's Pusher does."""
        self._log_startup(input_dict, output_dict, exec_properties)
        log = logging.getLogger("everlong")
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        blessing = artifact_utils.get_single_instance(input_dict["model_blessing"])
        if not model_utils.is_model_blessed(blessing):
            pushed.set_int_custom_property(PUSHED, 0)
            log.info("not blessed, so nothing is pushed")
            return
        model = path_utils.serving_model_path(artifact_utils.get_single_uri(input_dict["model"]))
        files = [
            os.fsdecode(path)
            for uri in artifact_utils.get_split_uris(input_dict["examples"], _SPLIT)
            for path in sorted(fileio.glob(io_utils.all_files_pattern(uri)))
        ]
        destination = exec_properties["destination"]
        tried = functools.partial(verify, examples=requests(files))
        if versions.is_remote(destination):
            version, made = objects.push(model, destination, tried)
        else:
            with here(model) as near:
                version, made = versions.push(near, destination, tried)
        place = os.path.join(destination, version)
        log.info("%s %s", "pushed" if made else "this model is the newest version already:", place)
        _archive(model, pushed.uri)
        pushed.set_int_custom_property(PUSHED, 1)
        pushed.set_string_custom_property(DESTINATION, place)
        pushed.set_string_custom_property(VERSION, version)


def _archive(model: str, uri: str) -> None:
    """Leaves the model in the artifact, too, as TFX does; on one disk it takes no more room."""
    if versions.is_remote(model) or versions.is_remote(uri):
        io_utils.copy_dir(model, uri)
    else:
        shutil.copytree(model, uri, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
