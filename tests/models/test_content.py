"""The line that tells what a folder holds."""

import hashlib
from pathlib import Path

import pytest

from models import content


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "made" / "below").mkdir(parents=True)
    (tmp_path / "made" / "a").write_bytes(b"one")
    (tmp_path / "made" / "below" / "b").write_bytes(b"three")
    return tmp_path / "made"


def test_is_the_number_the_size_and_a_digest_of_names_and_bytes(folder: Path) -> None:
    told = hashlib.sha256()
    for name, data in ((b"a", b"one"), (b"below/b", b"three")):
        told.update(name + b"\0" + hashlib.sha256(data).digest())
    expected = f"2 files of 8 bytes, sha256 {told.hexdigest()[:32]}"
    assert content.of_folder(str(folder)) == expected


def test_differs_where_anything_does_and_not_by_place(folder: Path, tmp_path: Path) -> None:
    before = content.of_folder(str(folder))
    moved = folder.rename(tmp_path / "moved")
    assert content.of_folder(str(moved)) == before
    seen = {before}
    for change in (
        lambda: (moved / "a").write_bytes(b"two"),
        lambda: (moved / "a").rename(moved / "c"),
        lambda: (moved / "c").rename(moved / "below" / "c"),
        lambda: (moved / "below" / "c").unlink(),
        lambda: (moved / "empty").touch(),
    ):
        change()
        seen.add(content.of_folder(str(moved)))
    assert len(seen) == 6


def test_nothing_is_no_file(tmp_path: Path) -> None:
    assert content.of_folder(str(tmp_path / "none")).startswith("0 files of 0 bytes, ")
