"""Cross-field rules of the configuration: what is refused, and what the message says."""

import pydantic
import pytest

from components.behavior_example_gen.config.ingest_config import IngestConfig
from tests.components.behavior_example_gen.logs import COLUMNS

GOOD = {"log": {"files": "log.csv", "columns": COLUMNS}, "label": {"column": "label"}}


def _with(**changes):
    plain = {name: dict(section) for name, section in GOOD.items()}
    for path, value in changes.items():
        section, key = path.split("__")
        plain.setdefault(section, {})[key] = value
    return plain


def test_round_trip_through_json():
    columns = COLUMNS | {"time": {"column": "time", "format": "%Y"}}
    config = IngestConfig(**_with(log__columns=columns, split__eval=0.2))
    assert IngestConfig.model_validate_json(config.model_dump_json()) == config
    simulated = IngestConfig(log={"simulator": {}}, label={"column": "label"})
    assert IngestConfig.model_validate_json(simulated.model_dump_json()) == simulated


def test_a_plain_name_is_a_column():
    column = IngestConfig(**GOOD).log.mapping.time
    assert (column.column, column.unit, column.ticks_per_second) == ("time", None, 10**9)


def test_simulated_log_presets_the_columns():
    config = IngestConfig(log={"simulator": {}}, label={"column": "label"})
    assert config.log.mapping.oracle == "click_probability"
    assert config.used_columns() == [
        "user_id", "item_id", "category_id", "behavior", "time", "request", "click_probability",
        "label",
    ]  # fmt: skip


def test_every_key_says_what_it_means():
    def sections(model):
        yield model
        for field in model.model_fields.values():
            for kind in [field.annotation, *getattr(field.annotation, "__args__", ())]:
                if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
                    yield from sections(kind)

    for section in sections(IngestConfig):
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name}"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"log__simulator": {}}, r"`log.simulator` replaces the files.*\['files', 'columns'\]"),
        ({"log__files": None}, "`log.files` is missing"),
        ({"log__columns": None}, "`log.columns` is missing"),
        ({"log__where": ["Quantity"]}, "'Quantity > 0'.*Received: 'Quantity'"),
        (
            {"log__tables": {"log": {"of": "item", "files": "x.csv", "key": "i"}}},
            r"`log.tables` must not be named \['log'\]",
        ),
        ({"label__negatives": {}}, "exactly one of `column`.*Received: column 'label'"),
        ({"label__column": None}, "exactly one of `column`"),
        ({"label__positives": [1], "label__at_least": 1}, "exclude each other"),
        ({"history__min_length": 9, "history__max_length": 8}, r"`history.min_length` \(9\)"),
        ({"split__eval": 0.9}, "leave something to train on.*0.1 \\+ 0.9"),
        ({"split__by": "column"}, "`split.column` belongs to"),
        ({"split__column": "fold"}, "`split.column` belongs to"),
        ({"split__evil": 0.1}, "Extra inputs are not permitted"),
    ],
)
def test_refused(changes, says):
    with pytest.raises(pydantic.ValidationError, match=says):
        IngestConfig(**_with(**changes))


@pytest.mark.parametrize(
    ("columns", "label", "says"),
    [
        ({"time": {"column": "time", "unit": "order"}}, {"column": "label"}, "session_gap: null"),
        ({"time": {"column": "t", "unit": "s", "format": "%Y"}}, {"column": "label"}, "remove one"),
        ({"behavior": None}, {"negatives": {}, "positives": ["buy"]}, "behavior` is not set"),
        ({}, {"negatives": {}, "positives": ["buy"]}, "must be integers"),
    ],
)
def test_refused_columns(columns, label, says):
    log = {"files": "log.csv", "columns": COLUMNS | columns}
    with pytest.raises(pydantic.ValidationError, match=says):
        IngestConfig(log=log, label=label)
