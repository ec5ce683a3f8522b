"""`describe` and the configuration's own rules."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute
import pydantic
import pytest

from components.simulator import ClickWeights, SimulatorConfig, describe, simulate


def test_describe_counts_by_hand():
    table = pa.table(
        {
            "user_id": [3, 3, 3, 3, 5, 5, 5],
            "behavior": [2, 0, 1, 0, 1, 1, 0],
            "label": [None, None, 1, 0, None, 1, 0],
            "click_probability": [None, None, 0.6, 0.7, None, 0.9, 0.2],
        }
    )
    assert describe(table) == {
        "users": 2,
        "events": 7,
        "targets": 4,
        "history_p50": 1,
        "history_max": 2,
        "base_rate": 0.5,
        "oracle_auc": 0.75,  # of 4 pairs, (.6, .7) is in the wrong order
    }


def test_the_oracle_beats_any_other_score():
    table = simulate(SimulatorConfig(users=40, max_history=300, median_history=200), explain=True)
    oracle = describe(table)["oracle_auc"]
    for cause in ("interest", "session", "taste"):  # those of the default weights
        other = table.set_column(
            table.column_names.index("click_probability"),
            "click_probability",
            pa.compute.if_else(table["label"].is_valid(), table[f"logit_{cause}"], None),
        )
        assert 0.5 < describe(other)["oracle_auc"] < oracle


def test_the_demo_is_as_large_as_it_says():
    config = SimulatorConfig()
    assert config.users >= 1500
    assert config.max_history >= 2000
    assert config.users * config.targets_per_user >= 100_000


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"median_history": 50, "max_history": 40}, r"`median_history` \(50\) must be at most"),
        ({"categories": 20}, r"`user_categories` \(28\) must be at most `categories` \(20\)"),
        ({"searches": 30}, r"`searches` \(30\) must be at most `user_categories` \(28\)"),
        ({"click_rate": 1.0}, "click_rate"),
        ({"weights": {"habit": 1}}, r"`weights.habit` \(1.0\) needs a `habit_share` above 0"),
        (
            {"habit_share": 0.2, "categories": 28},
            r"`habit_share` \(0.2\) needs a category beyond `user_categories` \(28\)",
        ),
        ({"sessions": 3}, "sessions"),
    ],
)
def test_impossible_settings_are_refused(given, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        SimulatorConfig(**given)


def test_clicks_must_depend_on_something():
    with pytest.raises(pydantic.ValidationError, match="`weights` must not all be 0"):
        ClickWeights(interest=0, session=0, taste=0)
