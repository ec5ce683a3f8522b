"""docker/compose.yaml and TensorFlow Serving's configuration beside it, as far as files tell."""

from __future__ import annotations

from pathlib import Path

import yaml
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from models.warmup import FILE

DOCKER = Path(__file__).resolve().parents[2] / "docker"


def test_the_container_serves_the_folder_that_everlong_pushes():
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    assert FILE in text
    service = yaml.safe_load(text)["services"]["serving"]
    assert service["image"].startswith("tensorflow/serving:")
    source, pushed = service["volumes"][0].rsplit("}:", 1)
    assert source.startswith("${SERVING:?")
    assert pushed == "/models/everlong:ro"
    folder, place = service["volumes"][1].removesuffix(":ro").split(":")
    assert (DOCKER / folder).is_dir()
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])

    named = dict(word.removeprefix("--").split("=") for word in service["command"])
    files = {flag: path for flag, path in named.items() if path.startswith(place)}
    assert set(files) == {"model_config_file", "monitoring_config_file"}

    def text_of(flag):
        return (DOCKER / folder / Path(files[flag]).relative_to(place)).read_text(encoding="utf-8")

    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse(text_of("model_config_file"), config)
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path) == ("everlong", "/models/everlong")
    assert model.model_version_policy.latest.num_versions == 1
    # Of this one there is no definition among the packages.
    lines = [line for line in text_of("monitoring_config_file").splitlines() if line[0] != "#"]
    assert lines[:2] == ["prometheus_config {", "  enable: true"]
