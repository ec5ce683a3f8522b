"""Native code may end the process in which a library is tried, but not the doctor."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.doctor.child import examine_apart
from pipeline.doctor.libraries import LIBRARIES
from pipeline.doctor.probe import FAILED, OK

PROBES = [probe for probe in LIBRARIES if probe.what in ("ML Metadata", "Beam")]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "was ended by SIGILL"),
        (
            "import os; os.write(2, b'Check failed: no AVX\\n'); os._exit(7)",
            "ended with exit code 7: Check failed: no AVX",
        ),
    ],
)
def test_a_process_that_ends_is_a_finding_and_the_next_library_is_tried(
    tmp_path: Path, monkeypatch, code: str, words: str
):
    (tmp_path / "ml_metadata").mkdir()
    (tmp_path / "ml_metadata" / "__init__.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[3]}")
    metadata, beam = examine_apart(PROBES)
    assert (metadata.what, metadata.state) == ("ML Metadata", FAILED)
    assert words in metadata.said
    assert metadata.said.endswith(PROBES[0].way_out)
    assert (beam.what, beam.state) == ("Beam", OK)


def test_what_a_library_prints_is_no_finding(tmp_path: Path, monkeypatch):
    (tmp_path / "ml_metadata").mkdir()
    (tmp_path / "ml_metadata" / "__init__.py").write_text(
        "import os; os.write(1, b'[1, 2, 3]\\n'); raise ImportError('no native module')"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[3]}")
    (found,) = examine_apart(PROBES[:1])
    assert found.said.startswith("ImportError: no native module; ")
