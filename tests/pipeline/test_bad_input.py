"""What the command line says of logs that cannot be used, before TensorFlow is even loaded."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """\
name: bad
log:
  folder: {folder}
  files: {file}
  columns: {{user: user, item: item, time: time}}
label: {{column: click}}
"""
HEADER = "user,item,time,click\n"


def _rows(time: str = "{}") -> str:
    cells = [
        (u, (u * 7 + k) % 50, time.format(1000 + k), k % 2) for u in range(9) for k in range(9)
    ]
    return "".join(f"{u},{i},{t},{c}\n" for u, i, t, c in cells)


LOGS = {
    "column.csv": ("user,item,time\n1,2,3\n", ["column.csv", "'click'", "Present: item, time"]),
    "empty.csv": (HEADER, ["empty.csv", "no rows"]),
    "zero.csv": ("", ["zero.csv", "the log is empty"]),
    "text.csv": (
        HEADER + _rows("soon"),
        ["text.csv", "81", "time: neither a number nor ISO 8601", "max_bad_row_share"],
    ),
    "nan.csv": (HEADER + _rows("NaN"), ["time: missing"]),
    "negative.csv": (HEADER + _rows("-{}"), ["time: negative"]),
    "cut.csv.gz": (gzip.compress((HEADER + _rows()).encode())[:-40], ["cut.csv.gz", "truncated"]),
    "no.csv.gz": (b"this is no gzip file", ["no.csv.gz", "no gzip file"]),
    "absent.csv": (None, ["absent.csv", "Present: bad.yaml"]),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_log_that_cannot_be_used_is_refused_in_one_message(tmp_path: Path, name: str) -> None:
    content, words = LOGS[name]
    if content is not None:
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
    config = tmp_path / "bad.yaml"
    config.write_text(CONFIG.format(folder=tmp_path, file=name))
    output = tmp_path / "out"
    command = [sys.executable, "-m", "pipeline", "run", "--config", str(config)]
    done = subprocess.run(
        [*command, "--output-dir", str(output)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("everlong: ")
    assert not output.exists()
