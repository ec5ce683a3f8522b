"""Names and roots, as Kubeflow takes them, before TensorFlow is loaded."""

import subprocess
import sys

import pytest

from pipeline import config as configuration
from pipeline.config import SHIPPED
from pipeline.errors import ConfigError
from pipeline.kubeflow.name import home, pipeline_name


def loaded(**overrides):
    return configuration.load("demo", [f"{key}={value}" for key, value in overrides.items()])


@pytest.mark.parametrize(
    ("name", "derived"),
    [("Shop_A", "shop-a"), ("shop", "shop"), ("7days", "7days"), ("a_b-c", "a-b-c")],
)
def test_a_name_is_derived_that_kubeflow_takes(name, derived):
    assert pipeline_name(loaded(name=name)) == derived


def test_every_shipped_configuration_has_a_name_that_kubeflow_takes():
    names = {p.stem: pipeline_name(configuration.load(p.stem)) for p in SHIPPED.glob("*.yaml")}
    assert names["movielens_1m_1500"] == "movielens-1m-1500"
    assert len(set(names.values())) == len(names)


@pytest.mark.parametrize("name", ["shop_", "shop-"])
def test_a_name_that_ends_in_a_line_is_refused(name):
    with pytest.raises(ConfigError, match=r"^name: 'shop.' becomes 'shop-' in Kubeflow, where a"):
        pipeline_name(loaded(name=name))


@pytest.mark.parametrize(
    ("root", "place"),
    [
        ("gs://bucket/everlong/", "gs://bucket/everlong/demo"),
        ("minio://mlpipeline", "minio://mlpipeline/demo"),
        ("s3://b/x?region=eu-1&endpoint=s3.example.com", "s3://b/x/demo"),
        ("/mnt/volume", "/mnt/volume/demo"),
    ],
)
def test_what_lasts_is_below_the_root_by_the_name_of_the_pipeline(root, place):
    config = configuration.load("demo", [f"kubeflow.pipeline_root={root}"])
    assert home(config) == place


@pytest.mark.parametrize("root", ["everlong", "file:///x", "gs://", "hdfs://a/b"])
def test_a_root_that_kubeflow_cannot_use_is_refused(root):
    config = configuration.load("demo", [f"kubeflow.pipeline_root={root}"])
    with pytest.raises(ConfigError, match=r"^kubeflow.pipeline_root: must be gs://, s3://"):
        home(config)


def test_a_name_is_refused_before_tensorflow_is_loaded():
    program = (
        "import sys; from pipeline.cli import main\n"
        "code = main(['compile', '--config', 'demo', '--engine', 'kubeflow', '--out', 'p.yaml',"
        " '--set', 'name=shop_', '--set', 'kubeflow.pipeline_root=gs://b/e'])\n"
        "print(code, 'tensorflow' in sys.modules, 'tfx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "2 False False\n", done.stderr
    assert done.stderr.startswith("everlong: name: 'shop_' becomes 'shop-' in Kubeflow")
