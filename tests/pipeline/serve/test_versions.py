"""Which version serves, with models that are but names of folders."""

from __future__ import annotations

import pytest

from pipeline.serve.errors import Code, RequestError
from pipeline.serve.versions import Versions, children


class Loader:
    """Loads a folder's name; refuses folders with a file `broken`, and remembers all it tried."""

    def __init__(self):
        self.tried = []

    def __call__(self, folder):
        self.tried.append(folder.name)
        if (folder / "broken").exists():
            raise ValueError("it is\nbroken")
        return f"model {folder.name}"


def made(folder, *names):
    for name in names:
        (folder / name).mkdir()


def test_the_newest_serves_and_others_are_not_loaded(tmp_path):
    made(tmp_path, "2", "10", ".staging-11", "x3", "12.5")
    (tmp_path / "README").write_text("")
    loader = Loader()
    versions = Versions(tmp_path, loader)
    assert (versions.version, versions.states()) == (None, [])
    versions.poll()
    versions.poll()
    assert (versions.version, loader.tried) == (10, ["10"])
    with versions.lease() as held:
        assert held == (10, "model 10")
    with versions.lease(10):
        pass
    with pytest.raises(RequestError, match="there is no version 2; 10 is served") as refused:
        versions.lease(2).__enter__()
    assert refused.value.code is Code.NOT_FOUND


def test_a_request_keeps_its_version(tmp_path):
    made(tmp_path, "1")
    versions = Versions(tmp_path, Loader())
    versions.poll()
    with versions.lease() as (_, old):
        made(tmp_path, "2")
        versions.poll()
        assert versions.version == 2
        versions.poll()
        assert old == "model 1"
        assert [(s.version, s.state) for s in versions.states()] == [
            (2, "AVAILABLE"), (1, "UNLOADING")
        ]  # fmt: skip
        with versions.lease() as held:
            assert held == (2, "model 2")
    versions.poll()
    assert [(s.version, s.state) for s in versions.states()] == [(2, "AVAILABLE")]


def test_requests_do_not_wait_while_a_version_is_freed(tmp_path):
    waited = []

    class Model:
        def __del__(self):  # of a large model, this takes a while
            waited.append(versions._lock.locked())

    versions = Versions(tmp_path, lambda folder: Model())
    for name in "12":
        made(tmp_path, name)
        versions.poll()
    assert waited == []
    versions.poll()
    assert waited == [False]


def test_a_version_that_is_taken_away_gives_way_to_the_one_before(tmp_path):
    made(tmp_path, "1", "2")
    versions = Versions(tmp_path, Loader())
    versions.poll()
    (tmp_path / "2").rmdir()
    versions.poll()
    assert versions.version == 1
    (tmp_path / "1").rmdir()
    tmp_path.rmdir()
    versions.poll()
    assert versions.version == 1  # better than none


def test_a_broken_version_is_tried_again_only_when_it_changes(tmp_path, caplog):
    caplog.set_level("INFO", "everlong")
    made(tmp_path, "1", "2", "3")
    for name in "23":
        (tmp_path / name / "broken").write_text("")
    loader = Loader()
    versions = Versions(tmp_path, loader)
    for _ in range(3):
        versions.poll()
    assert (versions.version, loader.tried) == (1, ["3", "2", "1"])
    assert caplog.text.count("cannot be served and is passed over: it is broken") == 2
    assert [(s.version, s.state, s.fault) for s in versions.states()] == [
        (3, "END", "it is broken"),
        (2, "END", "it is broken"),
        (1, "AVAILABLE", ""),
    ]
    (tmp_path / "2" / "broken").unlink()
    versions.poll()
    assert (versions.version, loader.tried) == (2, ["3", "2", "1", "2"])
    assert [s.version for s in versions.states()] == [3, 2, 1]
    (tmp_path / "3" / "broken").rename(tmp_path / "3" / "other")
    versions.poll()
    assert versions.version == 3


def test_a_version_whose_files_change_is_loaded_again(tmp_path, caplog):
    """As a copy that goes on does, which was found too early."""
    caplog.set_level("INFO", "everlong")
    made(tmp_path, "1", "2")
    loader = Loader()
    versions = Versions(tmp_path, loader)
    versions.poll()
    (tmp_path / "2" / "broken").write_text("")
    for _ in range(2):
        versions.poll()
    assert loader.tried == ["2", "2"]
    assert caplog.text.count("version 2 cannot be served") == 1
    assert [(s.version, s.state) for s in versions.states()] == [(2, "AVAILABLE")]
    (tmp_path / "2" / "broken").rename(tmp_path / "2" / "whole")
    for _ in range(2):
        versions.poll()
    assert loader.tried == ["2", "2", "2"]
    assert [(s.version, s.state) for s in versions.states()] == [(2, "AVAILABLE")]
    with versions.lease() as held:
        assert held == (2, "model 2")


def test_one_versions_own_folder(tmp_path):
    made(tmp_path, "7")
    (tmp_path / "7" / "saved_model.pb").write_text("")
    assert children(tmp_path / "7") == {7: tmp_path / "7"}
    assert children(tmp_path) == {7: tmp_path / "7"}
    assert children(tmp_path / "none") == {}
    # As of a file system that fails: whoever follows the folder must not end by it.
    assert children(tmp_path / ("x" * 300)) == {}
