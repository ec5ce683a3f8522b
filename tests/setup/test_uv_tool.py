"""uv gets the indexes and certificates that pip is configured with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import uv_tool
from uv_tool import SetupError, install_uv, uv_environment

PIP_CONFIG = """\
:env:.cert='/certificates/from-variable.pem'
global.cert='/certificates/from-file.pem'
global.extra-index-url='\\nhttps://one.example/simple\\nhttps://two.example/simple'
global.find-links='/wheels /more-wheels'
global.timeout='60'
install.index-url='https://mirror.example/simple'
freeze.all='true'
"""


def test_pip_settings_become_those_of_uv():
    assert uv_environment(PIP_CONFIG, {"HOME": "/home/me"}) == {
        "HOME": "/home/me",
        "SSL_CERT_FILE": "/certificates/from-variable.pem",
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_FIND_LINKS": "/wheels,/more-wheels",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_variables_of_uv_win():
    environment = uv_environment(PIP_CONFIG, {"UV_DEFAULT_INDEX": "https://mine.example/simple"})
    assert environment["UV_DEFAULT_INDEX"] == "https://mine.example/simple"


def test_without_settings_uv_is_left_alone():
    assert uv_environment("", {}) == {"UV_INDEX_STRATEGY": "unsafe-best-match"}


def test_a_failed_download_says_how_to_mend_it(tmp_path, monkeypatch):
    monkeypatch.setattr(uv_tool, "TOOLS", tmp_path)
    with pytest.raises(SetupError, match=r"could not fetch uv(.|\n)*PIP_INDEX_URL"):
        install_uv(["false"])
    assert list(tmp_path.iterdir()) == []  # nothing that could pass for a complete uv


def test_a_process_that_looked_for_pip_can_still_import_setuptools():
    """As TFX does when it makes an artifact; without pip, an environment for it is made."""
    code = """
import subprocess, types, uv_tool
subprocess.run = lambda *_, **__: types.SimpleNamespace(returncode=0)
uv_tool.pip_command()
import setuptools
"""
    folder = Path(uv_tool.__file__).parent
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
