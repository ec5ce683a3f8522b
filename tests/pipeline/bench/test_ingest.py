"""`everlong bench ingest`: rows as the issue names them, of simulated and of other logs."""

import json

import pyarrow.csv
import pyarrow.parquet
import yaml

from pipeline.bench.ingest import write_log
from pipeline.cli import main
from pipeline.config import find, load


def test_rows_of_simulated_logs(tmp_path, capfd):
    out = tmp_path / "rows.json"
    arguments = ["--events", "120000", "--work-dir", str(tmp_path), "--json", str(out)]
    assert main(["bench", "ingest", *arguments]) == 0
    result = json.loads(out.read_text())
    assert [row["format"] for row in result["rows"]] == ["parquet", "csv"]
    for row in result["rows"]:
        assert row["events"] == 120_000
        assert row["events_per_second"] > 0
        assert row["peak_memory_mib"] > 50
        assert abs(row["spill_share"] + row["cut_share"] - 1) < 1e-9
    assert result["rows"][0]["examples"] == result["rows"][1]["examples"] > 0
    assert "simulated 120,000" in capfd.readouterr().out
    assert not (tmp_path / "examples").exists()


def test_log_of_a_configuration(tmp_path):
    plain = yaml.safe_load(find("demo").read_text())
    plain["log"]["simulator"] |= {"users": 20, "median_history": 50, "max_history": 60}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(plain))
    out = tmp_path / "rows.json"
    arguments = ["--config", str(tmp_path / "small.yaml"), "--work-dir", str(tmp_path)]
    assert main(["bench", "ingest", *arguments, "--json", str(out)]) == 0
    (row,) = json.loads(out.read_text())["rows"]
    assert (row["name"], row["format"], row["users"]) == ("small", "simulator", 20)


def test_events_and_configurations_exclude_each_other(capsys):
    assert main(["bench", "ingest", "--events", "5", "--config", "demo"]) == 2
    assert "different logs" in capsys.readouterr().err


def test_logs_are_the_same_rows_in_both_formats(tmp_path):
    stem = write_log(load("demo"), 5_000, tmp_path)
    parquet = pyarrow.parquet.read_table(tmp_path / f"{stem}.parquet")
    csv = pyarrow.csv.read_csv(tmp_path / f"{stem}.csv")
    assert parquet.num_rows == 5_000
    assert csv.cast(parquet.schema).equals(parquet)
    user = parquet["user_id"].to_numpy()
    assert (user[1:] != user[:-1]).sum() > 10 * len(set(user.tolist()))  # users lie mixed
