"""TensorFlow gets a name of a folder that it understands."""

from pathlib import Path

import pytest

from components import plain_folder
from components.errors import InputError


def test_a_plain_path_leads_to_the_same_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(plain_folder.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = tmp_path / "out [1]"
    folder.mkdir()
    assert plain_folder.plain(str(tmp_path)) == str(tmp_path)
    link = Path(plain_folder.plain(str(folder)))
    assert str(link) == plain_folder.plain(str(folder))
    assert link.resolve() == folder
    assert not set("[]*?") & set(str(link))
    monkeypatch.chdir(tmp_path)
    assert plain_folder.plain("out [1]") == str(link)
    link.unlink()
    link.mkdir()
    with pytest.raises(InputError, match="is in the place of a link to"):
        plain_folder.plain(str(folder))


@pytest.mark.parametrize("uri", ["gs://bucket/model", "s3://bucket/model [1]"])
def test_a_uri_is_no_path_of_this_machine(uri):
    assert plain_folder.plain(uri) == uri
