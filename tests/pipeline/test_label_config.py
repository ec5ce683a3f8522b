"""`labels` in a configuration: what they become, and what is refused."""

import json
from pathlib import Path

import pytest

from pipeline import config as configuration
from pipeline.errors import ConfigError
from pipeline.explain import explain
from pipeline.pipeline import trainer_config

LABELS = """\
name: mine
log: {folder: data, files: events.csv, columns: {user: u, item: i, time: t}}
labels:
  like: {column: is_like, given: click, weight: 0.3}
  buy: {column: action, positives: [buy], within: 7d, given: click}
  click: {column: is_click}
  primary: click
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(LABELS)
    return path


def _fault(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        configuration.load(str(path), list(overrides))
    return str(caught.value)


def test_the_primary_label_chooses_targets_and_the_others_follow(own):
    loaded = configuration.load(str(own))
    ingest = loaded.ingest
    assert (ingest.primary, ingest.label.column, list(ingest.labels)) == (
        "click", "is_click", ["like", "buy"],
    )  # fmt: skip
    assert ingest.labels["buy"].within_seconds == 7 * 86_400
    assert loaded.tasks.names == ["click", "like", "buy"]
    assert loaded.tasks.weights == [1.0, 0.3, 1.0]
    assert '"given": "click"' in trainer_config(loaded, "")["config"]


def test_the_trainer_knows_which_ids_are_cut():
    for name, cut in (("movielens_1m", {"category": "|"}), ("demo", {})):
        assert json.loads(trainer_config(configuration.load(name), "")["config"])["before"] == cut


@pytest.mark.parametrize(("by", "seed"), [("time", {}), ("user_hash", {"seed": "11"})])
def test_the_trainer_knows_how_targets_are_split(by, seed):
    loaded = configuration.load("demo", ["seed=11", f"split={{by: {by}, eval: 0.2}}"])
    told = json.loads(trainer_config(loaded, "")["config"])["split"]
    assert told == {"by": by, "validation": "0.1", "eval": "0.2"} | seed


def test_one_label_of_several_is_the_same_data_as_the_short_form(own):
    several = configuration.load(str(own), ["labels.like=null", "labels.buy=null"])
    one = configuration.load(str(own), ["labels=null", "label={column: is_click}"])
    assert several.ingest.label == one.ingest.label
    assert several.ingest.labels == one.ingest.labels == {}
    assert one.tasks.names == [""]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("label={column: is_click}", "exactly one of `label` and `labels` must be given"),
        ("labels=null", "exactly one of `label` and `labels` must be given"),
        ("labels.primary=clack", "`labels.primary` must name one of the labels: like, buy, click"),
        ("labels.primary={column: is_like}", "`labels.primary` must name one of the labels: like,"),
        ("labels.primary=like", "`labels.like` is the primary label"),
        ("labels.like.given=clack", "`labels.like.given` must name another label: click, buy"),
        (
            "labels.like.wieght=2",
            "labels.like.wieght: unknown key (value 2); the nearest",
        ),
        (
            "labels.like.within=soon",
            "labels.like.within: a time is a number and s, m, h or d, such as",
        ),
        ("labels.like.within=7", "such as 7d. Received: 7"),
        ("labels.like.weight=-1", "labels.like.weight: "),
        ("labels.like.column=null", "labels.like: exactly one of `column`"),
        ("labels.Like={column: x}", "labels.Like: "),
        ("gate.labels.click.min_auc=0.6", "`gate.labels` must name labels beside the primary one"),
        ("features.liked={of: context, column: is_like}", "`labels.like.column`"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_key(own, override, told):
    assert told in _fault(own, override)


def test_explain_teaches_labels():
    text = "\n".join(explain())
    assert "labels:" in text and "within:" in text and "given:" in text
