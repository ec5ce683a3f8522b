import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import fingerprints
from pipeline.fingerprints import closure, code, libraries

ROOT = Path(__file__).resolve().parents[2]
# The modules that hold the executors of the pipeline's components.
EXECUTORS = {
    "BehaviorExampleGen": "components.behavior_example_gen.executor",
    "ImportSchemaGen": "components.schema.component",
    "ExampleValidator": "components.example_validator.executor",
    "Transform": "models.preprocessing",
    "Trainer": "models.trainer",
    "Evaluator": "components.evaluator.executor",
    "EvaluationReport": "components.evaluation_report.executor",
    "Pusher": "components.pusher.executor",
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in which `room.a` imports `room.b`, which imports `far.c` when it is called."""
    monkeypatch.setattr(fingerprints, "_ROOT", tmp_path)
    files = {
        "room/__init__.py": "",
        "room/a.py": "from room import b\n",
        "room/b.py": "def f():\n    from far.c import C\n    return C\n",
        "room/page.html.j2": "<p>",
        "room/unused.py": "import numpy\n",
        "far/__init__.py": "",
        "far/c.py": "C = 1\n",
        "far/named.py": "N = 1\n",
        "far/typed.py": "T = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_closure_is_what_a_module_imports_and_the_texts_beside(project):
    found = {str(path.relative_to(project)) for path in closure("room.a")}
    assert found == {
        "room/__init__.py",
        "room/a.py",
        "room/b.py",
        "room/page.html.j2",
        "far/__init__.py",
        "far/c.py",
    }


@pytest.mark.parametrize(
    "name", ["room/__init__.py", "room/a.py", "room/b.py", "far/c.py", "room/page.html.j2"]
)
def test_an_edit_anywhere_in_the_closure_changes_the_digest(project, name):
    before = code("room.a")
    (project / name).write_text((project / name).read_text() + "\n")
    assert code("room.a") != before


def test_an_edit_elsewhere_does_not(project):
    before = code("room.a")
    (project / "room/unused.py").write_text("import numpy as np\n")
    (project / "far/named.py").write_text("N = 2\n")
    assert code("room.a") == before


def test_a_module_named_in_a_text_counts_and_one_imported_for_types_does_not(project):
    (project / "room/a.py").write_text(
        'METRICS = "far.named:f"\n'
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    from far.typed import T\n"
    )
    found = {path.name for path in closure("room.a")}
    assert "named.py" in found
    assert "typed.py" not in found


def test_a_new_version_of_an_imported_library_changes_the_digest(project, monkeypatch):
    (project / "room/b.py").write_text("import numpy as np\n")
    assert list(libraries("room.a")) == ["numpy"]
    before = code("room.a")
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99.0")
    assert code("room.a") != before


def test_a_module_that_is_not_there_is_an_error(project):
    with pytest.raises(ValueError, match=r"room\.z"):
        code("room.a", "room.z")


def test_what_python_imports_for_an_executor_is_in_its_closure():
    """Python itself is the judge: what lies in `sys.modules` after an import was imported."""
    script = f"""
import importlib, json, sys
rooms, found = ("models", "components", "pipeline"), {{}}
for module in {list(EXECUTORS.values())}:
    mine = [name for name in sys.modules if name.partition(".")[0] in rooms]
    for name in mine:
        del sys.modules[name]
    importlib.import_module(module)
    mine = [m for name, m in sys.modules.items() if name.partition(".")[0] in rooms]
    found[module] = [m.__file__ for m in mine if m.__file__]
print(json.dumps(found))
"""
    printed = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for module, files in json.loads(printed.splitlines()[-1]).items():
        assert files
        assert {Path(file) for file in files} <= closure(module), module


# An edit of the file on the left must run the components on the right again, and no others: those
# whose executors reach it, worked out by hand. What follows them runs again for its inputs.
EDITS = {
    # What a model is made of tells its labels, which are configured.
    "models/section.py": set(EXECUTORS) - {"ImportSchemaGen"},
    "models/features.py": set(EXECUTORS) - {"ImportSchemaGen"},
    "models/training_config.py": {"Trainer"},
    "components/behavior_example_gen/sources/datasets/tianchi.py": {"BehaviorExampleGen"},
    "components/simulator/rows.py": {"BehaviorExampleGen"},
    "components/log_keys.py": {"ExampleValidator", "Evaluator", "EvaluationReport", "Pusher"},
    "models/layers/simhash.py": {"Trainer"},
    # The simulator tells the AUC that none can beat; Pusher tries the copy as the Evaluator scores.
    "models/metrics.py": set(EXECUTORS) - {"ImportSchemaGen", "ExampleValidator", "Transform"},
    "components/evaluator/gate/bounds.py": {"Evaluator"},
    "components/page/style.css": {"EvaluationReport"},
    "schemas/behavior_example.pbtxt": set(),  # its text is a parameter of ImportSchemaGen
    "pipeline/cli.py": set(),
}


@pytest.mark.parametrize("edited", EDITS)
def test_an_edit_runs_exactly_the_components_again_that_it_reaches(edited):
    assert (ROOT / edited).exists()
    reached = {name for name, module in EXECUTORS.items() if ROOT / edited in closure(module)}
    missing, beyond = EDITS[edited] - reached, reached - EDITS[edited]
    assert not missing and not beyond
