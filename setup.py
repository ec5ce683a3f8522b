"""The package definition: direct dependencies here, exact versions in requirements/lock.txt.

Beam workers build and install this file (`--setup_file`), so it imports setuptools only.
"""

import re
from pathlib import Path

from setuptools import find_namespace_packages, setup

PACKAGES = ("pipeline", "components", "models", "schemas")

DEPENDENCIES = [
    "apache-beam",
    "google-crc32c",
    "jinja2",
    "numpy",
    "plotly",
    "pyarrow",
    "pydantic>=2",
    "pyyaml",
    "tensorboard",
    "tensorflow-datasets",
    "tensorflow-recommenders",
    "tfx[kfp]>=1.21,<1.22",
]
TEST_TOOLS = [
    "hypothesis",
    "mypy",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "scikit-learn",
    "setuptools",
]

# The one place of the version is pipeline/__init__.py, which must not be imported here: it may run
# before the dependencies are there.
SOURCE = Path(__file__).with_name("pipeline") / "__init__.py"
VERSION = re.search(r'^__version__ = "(.+)"$', SOURCE.read_text(encoding="utf-8"), re.M)[1]

setup(
    name="everlong",
    version=VERSION,
    description="A TFX pipeline for click-through-rate models over whole user histories",
    license="Apache-2.0",
    python_requires=">=3.11,<3.12",
    # namespace packages too: schemas/ holds data only
    packages=find_namespace_packages(
        include=[f"{name}{end}" for name in PACKAGES for end in ("", ".*")],
        exclude=["*.__pycache__"],
    ),
    package_data={
        "": [f"**/*.{end}" for end in ("yaml", "pbtxt", "html", "css", "js", "j2", "typed")]
    },
    install_requires=DEPENDENCIES,
    extras_require={"test": TEST_TOOLS, "gpu": ["tensorflow[and-cuda]"]},
    entry_points={"console_scripts": ["everlong = pipeline.cli:main"]},
)
