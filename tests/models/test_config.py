"""What a model's section accepts, and how it refuses the rest."""

from __future__ import annotations

import pydantic
import pytest

from models.config import ModelConfig, TwinConfig
from models.registry import BUILDERS
from models.section import Section

ADAPTER = pydantic.TypeAdapter(ModelConfig)


@pytest.mark.parametrize("name", BUILDERS)
def test_a_name_is_all_that_a_model_needs(name):
    config = ADAPTER.validate_python({"name": name})
    assert config.name == name
    assert ADAPTER.validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"name": "twins"}, "Input tag 'twins' found .* does not match any of the expected tags"),
        ({"name": "twin", "header": 3}, "Extra inputs are not permitted"),
        ({"name": "twin", "top_k": 0}, "greater than or equal to 1"),
        ({"name": "twin", "search": "both"}, "Input should be 'per_head', 'shared' or 'mass'"),
        ({"name": "mirrn", "granularities": ["local", "weekly"]}, "'target', 'local' or 'global'"),
        ({"name": "mirrn", "dropout": 1}, "less than 1"),
        ({"name": "sdim", "hash_bits": 10}, "`hash_bits` must be a multiple .* 10 and 3"),
        ({"name": "twin_v2", "chunk": 64}, "`chunk` must be a multiple of .* 64 and 10"),
        ({"name": "avg_pooling", "top_k": 5}, "Extra inputs are not permitted"),
    ],
)
def test_faults_are_named(section, complaint):
    with pytest.raises(pydantic.ValidationError, match=complaint):
        ADAPTER.validate_python(section)


def test_sections_are_immutable():
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        TwinConfig(name="twin").top_k = 3


def test_every_key_explains_itself():
    def sections(parent):
        for child in parent.__subclasses__():
            yield child
            yield from sections(child)

    for section in sections(Section):
        if section.__module__ == "models.config":
            for key, field in section.model_fields.items():
                assert key == "name" or field.description, (section, key)
