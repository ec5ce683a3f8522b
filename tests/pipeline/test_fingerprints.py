import pytest

from pipeline import fingerprints


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprints, "_ROOT", tmp_path)
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "a.py").write_text("a = 1\n")
    (tmp_path / "room" / "b.py").write_text("b = 1\n")
    return tmp_path / "room"


def test_an_edit_a_new_file_and_a_new_name_change_the_digest(source):
    digests = [fingerprints.code("room/*.py")]
    (source / "a.py").write_text("a = 2\n")
    digests.append(fingerprints.code("room/*.py"))
    (source / "c.py").write_text("")
    digests.append(fingerprints.code("room/*.py"))
    (source / "c.py").rename(source / "d.py")
    digests.append(fingerprints.code("room/*.py"))
    assert len(set(digests)) == 4


def test_other_files_do_not(source):
    before = fingerprints.code("room/a.py")
    (source / "b.py").write_text("b = 2\n")
    assert fingerprints.code("room/a.py") == before


def test_a_pattern_that_matches_nothing_is_an_error(source):
    with pytest.raises(ValueError, match="room/z"):
        fingerprints.code("room/a.py", "room/z.py")
