"""What YAML makes of a scalar, by version 1.2."""

import pytest
import yaml

from pipeline.config import load
from pipeline.yaml_core import CoreLoader


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("off", "off"), ("yes", "yes"), ("No", "No"), ("y", "y"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("007", "007"), ("12:30", "12:30"), ("2020-09-14", "2020-09-14"), ("1_000", "1_000"),
        ("0", 0), ("-12", -12), ("0x1f", 31), ("1.5", 1.5), ("1e-3", 0.001), (".5", 0.5),
        (".inf", float("inf")), ("'1'", "1"), ("a b", "a b"), ("1.2.3", "1.2.3"), ("-", "-"),
    ],
)  # fmt: skip
def test_scalars(text, value):
    if text == "-":
        text = "'-'"
    found = yaml.load(f"[{text}]" if text else "[null]", CoreLoader)
    assert found == [value]
    assert type(found[0]) is type(value)


def test_overrides_are_read_alike():
    config = load("taobao", ["log.folder=.", "label.positives=[on, yes]"])
    assert config.label.positives == ["on", "yes"]
    assert load("demo", ["training.learning_rate=1e-3"]).training.learning_rate == 0.001
