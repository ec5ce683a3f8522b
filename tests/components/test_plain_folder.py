"""TensorFlow gets a name of a folder that it understands."""

from pathlib import Path

import pytest

from components import plain_folder
from components.errors import InputError


def test_a_plain_path_leads_to_the_same_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(plain_folder.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = tmp_path / "out [1]"
    folder.mkdir()
    assert plain_folder.plain(tmp_path) == tmp_path
    link = plain_folder.plain(folder)
    assert link == plain_folder.plain(folder)
    assert link.resolve() == folder
    assert not set("[]*?") & set(str(link))
    monkeypatch.chdir(tmp_path)
    assert plain_folder.plain(Path("out [1]")) == link
    link.unlink()
    link.mkdir()
    with pytest.raises(InputError, match="is in the place of a link to"):
        plain_folder.plain(folder)
