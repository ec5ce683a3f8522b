import gzip
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from components.errors import InputError
from components.simulator.config import SimulatorConfig
from components.simulator.simulator import simulate
from components.simulator.write import write

SMALL = SimulatorConfig(users=4, median_history=20, max_history=40, targets_per_user=5)


def test_every_format_holds_the_simulated_log(tmp_path: Path) -> None:
    expected = simulate(SMALL, range(4))
    assert write(SMALL, tmp_path / "deep" / "log.parquet").equals(expected)
    assert pyarrow.parquet.read_table(tmp_path / "deep" / "log.parquet").equals(expected)
    write(SMALL, tmp_path / "log.csv")
    write(SMALL, tmp_path / "log.csv.gz")
    assert (
        gzip.decompress((tmp_path / "log.csv.gz").read_bytes())
        == (tmp_path / "log.csv").read_bytes()
    )
    read = pyarrow.csv.read_csv(tmp_path / "log.csv")
    assert read["time"].to_pylist() == expected["time"].to_pylist()
    assert read["label"].null_count == expected["label"].null_count
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", "log.csv", "log.csv.gz"]


@pytest.mark.parametrize("name", ["log.txt", "log"])
def test_an_unknown_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"\.parquet, \.csv"):
        write(SMALL, tmp_path / name)


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write(SMALL, tmp_path / "file" / "log.csv")
