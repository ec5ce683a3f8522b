"""A whole pipeline on behaviours and impressions in tables of their own."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import yaml

from tests.e2e.conftest import CONFIG, Run

pytestmark = pytest.mark.slow

IMPRESSIONS = 1200
SECRET = "hunter2-hunter2"


def write_tables(folder: Path) -> None:
    """Behaviours as CSV; impressions, whose users like the shops of their number, as Parquet."""
    random = np.random.default_rng(0)

    def rows(size: int, first: int) -> tuple[np.ndarray, dict[str, pa.Array]]:
        user, item = random.integers(0, 40, size), random.integers(0, 100, size)
        time = random.integers(first, 10**6, size)
        texts = {"user": [f"u{u}" for u in user], "item": [f"i{i}" for i in item]}
        return item % 5 == user % 5, texts | {"time": time + 1_600_000_000, "shop": item % 5}

    done = rows(3000, 0)[1] | {"action": random.choice(["pv", "buy"], 3000)}
    pa.csv.write_csv(pa.table(done), folder / "done.csv")
    liked, shown = rows(IMPRESSIONS, 10**5)
    del shown["shop"]
    shown["clicked"] = (random.random(IMPRESSIONS) < 0.2 + 0.6 * liked).astype(np.int64)
    pa.parquet.write_table(pa.table(shown), folder / "shown.parquet")


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, str]:
    """The finished run, one of whose arguments holds a secret, and what it printed."""
    folder = tmp_path_factory.mktemp("two_tables")
    write_tables(folder)
    plain = yaml.safe_load(CONFIG.read_text())
    columns = {"user": "user", "item": "item", "time": "time"}
    plain["log"] = {
        "folder": str(folder),
        "files": "done.csv",
        "columns": columns | {"category": "shop", "behavior": "action"},
        "impressions": {"files": "shown.parquet", "columns": columns},
    }
    plain["label"] = {"column": "clicked"}
    plain["gate"] = {"min_auc": 0.0, "calibration": [0.1, 10.0]}
    plain["beam"] = {"args": ["--no_such_option_password=${EVERLONG_TEST_SECRET}"]}
    (folder / "two.yaml").write_text(yaml.safe_dump(plain))
    run = Run(folder / "out")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("EVERLONG_TEST_SECRET", SECRET)
        # A process of its own: in one with another pipeline's, TensorFlow's lookup tables clash.
        done = run("--config", str(folder / "two.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    return run, done.stdout + done.stderr


def test_impressions_become_the_targets_of_a_pushed_model(pushed: tuple[Run, str]) -> None:
    summary = pushed[0].summary
    assert summary["blessed"] is True
    assert Path(summary["pushed_model"], "saved_model.pb").exists()
    assert summary["examples"]["targets"] == IMPRESSIONS


def test_secrets_are_in_nothing_that_a_run_leaves(pushed: tuple[Run, str]) -> None:
    run, printed = pushed
    assert SECRET not in printed
    left = [path for path in run.output.rglob("*") if path.is_file()]
    assert [path for path in left if SECRET.encode() in path.read_bytes()] == []
    assert b"${EVERLONG_TEST_SECRET}" in (run.output / "metadata.sqlite").read_bytes()
