"""The summary at the end of a run."""

import pytest

from pipeline.run.summary import render

SUMMARY = {
    "name": "toy",
    "blessed": False,
    "verdict": "Not blessed: 5 of 5 scores of the model are NaN or infinite.",
    "reasons": ["5 of 5 scores of the model are NaN or infinite"],
    "protocol": "frozen",
    "drawn_negatives": 0,
    "metrics": {"auc": None, "logloss": None, "oracle_auc": 0.9},
    "train": {"steps": 1, "targets_per_second": 2.0, "seconds": 3.0},
    "examples": {
        "rows": 9,
        "targets": 5,
        "dropped": {"no user": 0},
        "repeats": None,
        "repeated_share": None,
        "times": {
            "log": {
                "first": "2020-09-14T01:40:36Z",
                "last": "2020-10-01T00:00:00Z",
                "events_per_day": 0.5,
            }
        },
        "missing": {"category": 3},
        "warnings": ["x is y."],
    },
    "trivial_rules": {"seen before": {"auc": 0.5, "within_requests": None}},
    "pushed_model": None,
    "report": "index.html",
    "log": "log.txt",
    "seconds": {"total": 4.0},
}


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        ({"auc": 0.7, "oracle_auc": 0.9}, "50.0% of the way"),
        ({"auc": None, "oracle_auc": 0.9}, "AUC -"),
        ({"auc": None, "oracle_auc": None}, "Oracle's AUC -"),
        ({"auc": 0.7}, "AUC 0.7000"),
        ({"auc": 0.7, "oracle_auc": 0.5}, "Oracle's AUC 0.5000"),  # of coin flips
    ],
)
def test_what_is_not_defined_is_a_dash(metrics, told):
    text = render(SUMMARY | {"metrics": metrics})
    assert text.splitlines()[1] == "toy: NOT BLESSED, nothing was pushed"
    assert told in text
    assert ("of the way" in text) == (
        metrics["auc"] is not None and metrics.get("oracle_auc") == 0.9
    )


def test_protocol_and_drawn_negatives_are_told_beside_the_numbers():
    found = SUMMARY | {"metrics": {"auc": 0.7, "gauc": 0.6, "logloss": 0.5, "calibration": 1.0}}
    assert "GAUC (frozen histories) 0.6000   LogLoss 0.5000" in render(found)
    drawn = render(found | {"drawn_negatives": 4})
    assert "among negatives that were drawn, 4 for each positive" in drawn
    assert "LogLoss" not in drawn


def test_rules_without_a_model_stand_beside_it():
    lines = render(SUMMARY).splitlines()
    assert "  rules     AUC without a model (within requests): seen before 0.500 (-)" in lines
    assert not any("drawn" in line for line in lines)
    drawn = SUMMARY | {"examples": SUMMARY["examples"] | {"repeats": "drop"}}
    told = "neither positives nor negatives are items that the user had before"
    assert f"  drawn     negatives; repeats: drop ({told})" in render(drawn).splitlines()
    drawn["examples"]["repeated_share"] = 0.0042
    told += ", as 0.4% of positives are such"
    assert f"  drawn     negatives; repeats: drop ({told})" in render(drawn).splitlines()
