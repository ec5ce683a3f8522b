import pytest

from models import lists
from pipeline.ablation.outcome import Row
from pipeline.ablation.study import Case
from pipeline.config import load


@pytest.mark.parametrize(
    ("oracle", "share"),
    [(0.8, 0.5), (0.5, None), (None, None)],
    ids=["half of the way", "coin flips: no way to go", "not simulated"],
)
def test_the_share_of_the_way_to_the_oracle(oracle, share):
    row = Row(
        case=Case("", "TWIN", load("simulated", []), reference=("", "TWIN")),
        results={7: None},  # that there is one; its metrics are below
        failures={},
        metrics={"auc": [0.65]},
        protocol=lists.REQUEST,
        oracle_auc=oracle,
    )

    assert row.oracle_share == (share if share is None else pytest.approx(share))
