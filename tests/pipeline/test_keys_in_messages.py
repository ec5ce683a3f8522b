"""Messages about a log name keys that the configuration has, and those of the table at hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.clean.intake import Intake
from components.behavior_example_gen.clean.remarks import remarks
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.sources.columns import find_columns
from components.behavior_example_gen.sources.log import open_sources
from pipeline.config import Config
from pipeline.errors import keys

KEYS = set(keys(Config))
SECTIONS = {"log": "log", "shown": "log.impressions", "items": "log.tables.items"}
EVENTS = "u,i,t\n" + "".join(f"{n % 7},{n % 5},{1_600_000_000 + n}\n" for n in range(50))
SHOWN = "u,i,t,y\n" + "".join(f"{n % 7},{n % 5},{1_600_000_100 + n},{n % 2}\n" for n in range(50))
ITEMS = "i,c\n" + "".join(f"{n},{n % 2}\n" for n in range(5))
FILES = {"log": EVENTS, "shown": SHOWN, "items": ITEMS}


def _config(folder: Path, table: str = "", time: Any = "t", **csv: Any) -> Config:
    def section(name: str) -> dict[str, Any]:
        return {"files": f"{name}.csv", "csv": csv if name == table else {}}

    columns = {"user": "u", "item": {"column": "i", "type": "int"}, "category": "c"}
    items = section("items") | {"of": "item", "key": "i"}
    shown = section("shown") | {"columns": columns | {"time": time if table == "shown" else "t"}}
    log = section("log") | {"columns": columns | {"time": time if table == "log" else "t"}}
    more = {"folder": str(folder), "tables": {"items": items}, "impressions": shown}
    return Config(name="mine", log=log | more, label={"column": "y"})


def _write(folder: Path, **files: str | bytes) -> None:
    for name, text in (FILES | files).items():
        data = text if isinstance(text, bytes) else text.encode()
        (folder / f"{name}.csv").write_bytes(data)


def _checked(message: str) -> str:
    for key in re.findall(r"`([a-z][a-z_.]*)", message):
        assert key.replace("log.tables.items", "log.tables.NAME") in KEYS, message
    return message


def test_without_a_fault_nothing_is_said(tmp_path):
    _write(tmp_path)
    check_log(_config(tmp_path).ingest)


def _marked(text: str) -> str:
    """Escaped quotation marks in two rows of three."""
    head, *rows = text.splitlines()
    for n, row in enumerate(rows):
        if n % 3:
            rows[n] = rf'"5\" disk",{row.partition(",")[2]}'
    return "\n".join([head, *rows, ""])


FAULTS = {
    "delimiter": (lambda text: text.replace(",", ";"), {}, "csv.delimiter: ';'"),
    "sep": (lambda text: "sep=;\n" + text, {}, "csv.delimiter: ';'"),
    "preamble": (lambda text: "made by me\n" + text, {}, "csv.skip_rows: 1"),
    "zeros": (lambda text: text.encode("utf-16"), {}, "csv.encoding"),
    "latin": (lambda text: re.sub(r"\n\d", "\né", text).encode("latin-1"), {}, "csv.encoding"),
    "header": (lambda text: text, {"header": ["a"]}, "csv.header"),
    "skipped": (lambda text: text, {"skip_rows": 999}, "csv.skip_rows"),
    "controls": (lambda text: text + "\x1f\n", {"delimiter": "::"}, "csv.delimiter"),
    "names": (lambda text: text.replace("i,", "item,", 1), {}, "columns"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("table", SECTIONS)
def test_the_key_of_the_table_is_named_in_full(tmp_path, table, fault):
    change, csv, key = FAULTS[fault]
    _write(tmp_path, **{table: change(FILES[table])})
    with pytest.raises(LogError) as failure:
        check_log(_config(tmp_path, table, **csv).ingest)
    if (table, fault) == ("items", "names"):
        key = "key"
    assert f"`{SECTIONS[table]}.{key}" in _checked(str(failure.value))


@pytest.mark.parametrize("table", SECTIONS)
def test_quotation_marks(tmp_path, table):
    _write(tmp_path, **{table: _marked(FILES[table])})
    with pytest.raises(LogError, match="quotation marks") as failure:
        check_log(_config(tmp_path, table).ingest)
    key = "csv" if table == "items" else "csv.escape: "
    assert f"`{SECTIONS[table]}.{key}" in _checked(str(failure.value))


@pytest.mark.parametrize("table", SECTIONS)
def test_files_that_are_not_there(tmp_path, table):
    _write(tmp_path)
    (tmp_path / f"{table}.csv").unlink()
    with pytest.raises(LogError, match="No file matches") as failure:
        check_log(_config(tmp_path).ingest)
    assert f"`{SECTIONS[table]}.files`" in _checked(str(failure.value))


@pytest.mark.parametrize("table", ["log", "shown"])
def test_cells(tmp_path, table):
    section = SECTIONS[table]
    for text, key in (
        (re.sub(r",16\d+", ",noon", FILES[table]), f"{section}.columns.time.format"),
        (re.sub(r"\n\d", "\n99999999999999999999", FILES[table]), f"{section}.columns.user.type"),
        (re.sub(r"\n(\d)", r"\n\1;2;3;4", FILES[table]), ""),
        (re.sub(r",16(\d+)", r",16\g<1>000", FILES[table]), f"{section}.columns.time.unit: ms"),
    ):
        _write(tmp_path, **{table: text})
        config = _config(tmp_path, table)
        if "type" in key:
            columns = {"user": {"column": "u", "type": "int"}}
            values = config.model_dump(exclude_unset=True)
            for of in (values["log"], values["log"]["impressions"]):
                of["columns"] |= columns
            config = Config.model_validate(values)
        with pytest.raises(LogError) as failure:
            check_log(config.ingest)
        assert f"`{key}" in _checked(str(failure.value))


@pytest.mark.parametrize("table", ["log", "shown"])
def test_remarks(tmp_path, table):
    _write(tmp_path, **{table: re.sub(r"(\n\d,)", r"\g<1>0", FILES[table])})
    ingest = _config(tmp_path).ingest
    counts = None
    for name, source in open_sources(ingest).items():
        for block, _ in source.heads():
            taken = Intake(ingest, find_columns(ingest)).take(block.of(name))[1]
            counts = taken if counts is None else counts + taken
    (told,) = remarks(counts, ingest)
    assert _checked(told).startswith(f"`{SECTIONS[table]}.columns.item`: 50 cells begin with zeros")
