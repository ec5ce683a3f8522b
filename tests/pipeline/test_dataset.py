"""`everlong dataset`: what it prepares is there, and what is wrong is said."""

from pathlib import Path

from pipeline.cli import main
from pipeline.terminal.exit_codes import BAD_INPUT, DONE

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


def _run(*arguments) -> int:
    return main(["dataset", *map(str, arguments)])


def test_a_dataset_is_prepared(tmp_path, capsys):
    taobao = ("taobao_user_behavior", "--manual-dir", FIXTURES / "taobao", "--data-dir", tmp_path)
    assert _run(*taobao) == DONE
    folder = tmp_path / "taobao_user_behavior" / "1.0.0"
    assert (folder / "dataset_info.json").exists()
    assert f"written to {folder}" in capsys.readouterr().out
    assert _run(*taobao) == DONE  # there already


def test_faults_are_told_with_what_to_do(tmp_path, capsys):
    assert _run("taobao", "--manual-dir", tmp_path) == BAD_INPUT
    assert "'taobao' is no dataset of Everlong; there are" in capsys.readouterr().err
    assert _run("tmall_user_log", "--manual-dir", tmp_path / "void") == BAD_INPUT
    assert "download data_format1.zip" in capsys.readouterr().err
    (tmp_path / "manual").mkdir()
    empty = ("tmall_user_log", "--manual-dir", tmp_path / "manual", "--data-dir", tmp_path / "data")
    assert _run(*empty) == BAD_INPUT
    assert "nothing in it. Sign in at" in capsys.readouterr().err
    (tmp_path / "manual" / "other.csv").write_text("a\n")
    assert _run(*empty) == BAD_INPUT
    error = capsys.readouterr().err
    assert "No file matches" in error
    assert "download data_format1.zip" in error
    assert not list((tmp_path / "data").rglob("dataset_info.json"))
