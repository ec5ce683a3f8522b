"""Studies are checked whole before anything starts."""

from pathlib import Path

import pytest

from pipeline.ablation.study import SHIPPED, load_study, plan
from pipeline.config import load
from pipeline.errors import ConfigError

STUDY = """
question: Does K matter?
common: {model.name: mirrn}
reference: K 20
variants:
  K 20: {model.top_k: 20}
  K 4: {model.top_k: 4, training.epochs: 2}
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> str:
        path = tmp_path / "study.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_a_variant_is_the_configuration_with_its_overrides(write):
    cases = plan(load_study(write(STUDY)), "demo", ["training.epochs=5", "model.top_k=9"])
    assert [case.name for case in cases] == ["K 20", "K 4"]
    assert [case.config.model.top_k for case in cases] == [20, 4]
    assert [case.config.training.epochs for case in cases] == [5, 2]
    assert {case.config.model.name for case in cases} == {"mirrn"}
    assert [case.is_reference for case in cases] == [True, False]
    assert cases[0].config.ingest == load("demo").ingest


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("model.top_k: 4", "model.topk: 4", ["variant 'K 4'", "topk", "top_k"]),
        ("model.top_k: 4", "model.top_k: -4", ["variant 'K 4'", "-4"]),
        ("model.top_k: 4", "history.max_length: 4", ["K 4", "history.max_length", "`data`"]),
        ("model.top_k: 4", "log.max_bad_row_share: 1", ["K 4", "log.max_bad_row_share", "`data`"]),
        ("model.top_k: 4", "gate.min_auc: 0.5", ["K 4", "gate.min_auc"]),
        ("reference: K 20", "reference: K 21", ["reference", "K 21", "K 20"]),
        ("variants:", "varients:", ["varients", "variants"]),
    ],
)
def test_a_faulty_study_is_refused_with_its_key(write, old, new, words):
    with pytest.raises(ConfigError) as error:
        plan(load_study(write(STUDY.replace(old, new))), "demo", [])
    assert all(word in str(error.value) for word in words), str(error.value)
    assert str(error.value).count("Received: ") <= 1


@pytest.mark.parametrize("name", ["data.yaml", "runs.yml", "log.txt.yaml"])
def test_a_study_is_not_called_like_what_all_studies_share(tmp_path, name):
    (tmp_path / name).write_text(STUDY)
    with pytest.raises(ConfigError, match=f"must not be called '{Path(name).stem}'.*rename"):
        load_study(str(tmp_path / name))


def test_a_missing_study_names_those_that_there_are():
    with pytest.raises(ConfigError, match="features, granularities, history_summary"):
        load_study("granularity")


def test_data_sets_are_compared_within_or_across(write):
    text = STUDY + "data:\n  short: {history.max_length: 10}\n  long: {history.max_length: 90}\n"
    cases = plan(load_study(write(text)), "demo", [])
    assert [case.reference for case in cases] == [
        ("short", "K 20"), ("short", "K 20"), ("long", "K 20"), ("long", "K 20"),
    ]  # fmt: skip
    across = plan(
        load_study(write(text.replace("reference: K 20", "reference: short"))), "demo", []
    )
    assert [case.reference for case in across] == [
        ("short", "K 20"), ("short", "K 4"), ("short", "K 20"), ("short", "K 4"),
    ]  # fmt: skip
    assert [case.config.history.max_length for case in across] == [10, 10, 90, 90]
    assert [case.is_reference for case in across] == [True, True, False, False]


def test_data_sets_may_not_override_the_model(write):
    with pytest.raises(ConfigError, match="variants"):
        load_study(write(STUDY + "data:\n  short: {model.num_heads: 1}\n"))


FEATURES = [
    "features.author={column: a, of: item}",
    "features.tags={column: t, of: item, type: ids, min_count: null, table: words}",
    "features.taste={column: w, of: user, type: ids, table: words}",
    "features.age={column: u, of: user}",
    "tables.author={dim: 4}",
    "tables.words={dim: 4}",
    "tables.item={min_count: 2}",
]


def test_each_feature_is_left_out_in_turn_and_compared_with_all():
    config = load("demo", FEATURES)
    study = load_study("features").on(config)
    cases = plan(study, "demo", FEATURES)
    assert [case.data for case in cases] == [
        "all features", "without author", "without tags", "without taste", "without age",
    ]  # fmt: skip
    assert [list(case.config.features) for case in cases] == [
        ["author", "tags", "taste", "age"], ["tags", "taste", "age"], ["author", "taste", "age"],
        ["author", "tags", "age"], ["author", "tags", "taste"],
    ]  # fmt: skip
    # A table goes with the last feature that it embeds, and only with it.
    everything = {"author", "words", "item"}
    assert [set(case.config.tables) for case in cases] == [
        everything, everything - {"author"}, everything, everything, everything,
    ]  # fmt: skip
    assert {case.reference for case in cases} == {("all features", "TWIN")}
    assert [case.is_reference for case in cases] == [True, False, False, False, False]
    assert cases[0].config.model_copy(update={"model": config.model}) == config
    assert study.overrides("without author", "TWIN")["features.author"] is None


def test_a_joined_table_goes_with_the_last_feature_that_it_is_for():
    kuairand = Path(__file__).parents[2] / "fixtures" / "kuairand"
    overrides = [f"log.folder={kuairand}", "features.tab=null", "features.dwell=null"]
    study = load_study("features").on(load("kuairand", overrides))
    without = {
        case.data: set(case.config.log.tables) for case in plan(study, "kuairand", overrides)
    }
    assert without.pop("without activity") == {"videos"}
    assert set(map(frozenset, without.values())) == {frozenset({"videos", "users"})}
    # The category is a column of the videos, too.
    only = [*overrides, *(f"features.{n}=null" for n in ("tags", "music", "duration", "activity"))]
    only += ["log.tables.users=null"]
    study = load_study("features").on(load("kuairand", only))
    assert [set(case.config.log.tables) for case in plan(study, "kuairand", only)] == [
        {"videos"}
    ] * 3


def test_without_features_there_is_nothing_to_leave_out():
    with pytest.raises(ConfigError, match="'demo' configures none; give it `features`"):
        load_study("features").on(load("demo", ["features={}"]))


def test_a_study_leaves_out_or_names_its_data(write):
    text = STUDY + "leave_out: features\n"
    assert load_study(write(text)).reference == "K 20"
    with pytest.raises(ConfigError, match=r"excludes `data`. Received: .*'short'"):
        load_study(write(text + "data: {short: {history.max_length: 10}}\n"))
    with pytest.raises(ConfigError, match=r"leave_out: Input should be 'features'.*items"):
        load_study(write(STUDY + "leave_out: items\n"))


SHIPPED_STUDIES = sorted(path for path in SHIPPED.glob("*.yaml") if path.stem != "features")


@pytest.mark.parametrize("path", SHIPPED_STUDIES, ids=lambda path: path.stem)
def test_shipped_studies_are_valid_on_the_configurations_that_they_are_run_on(path):
    study = load_study(path.stem)
    configs = ["simulated_long" if path.stem == "length" else "simulated"]
    planted = any(key.startswith("log.simulator") for data in study.data.values() for key in data)
    if path.stem != "length" and not planted:
        configs.append("movielens_1m_1500")
    for config in configs:
        cases = plan(study, config, [])
        assert len({case.config.hash for case in cases}) == len(cases)
