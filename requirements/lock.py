"""Writes the lock files from setup.py: `make lock` (or `make lock ARGS=--upgrade`).

lock.txt has all that Everlong runs on, with hashes; test.txt and gpu.txt only what `everlong[test]`
and `everlong[gpu]` add to it; uv.txt pins uv.
Versions already locked stay, unless --upgrade or --upgrade-package NAME asks for newer ones;
overrides.txt says where a dependency's own bounds are wrong.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from uv_tool import PIN, ROOT, SetupError, prepare_uv

REQUIREMENTS = ROOT / "requirements"
LOCK = REQUIREMENTS / "lock.txt"
EXTRAS = ("test", "gpu")
OPTIONS = ["--quiet", "--generate-hashes", "--python-version", "3.11"]
OPTIONS += ["--python-platform", "x86_64-manylinux_2_39", "--custom-compile-command", "make lock"]
OPTIONS += ["--override", "requirements/overrides.txt"]


def entries(lock: str) -> dict[str, str]:
    """The entry (with its hashes and comments) of each package in a lock file."""
    return {re.split("==| @", text)[0]: text for text in re.split(r"^(?=\w)", lock, flags=re.M)[1:]}


def main(arguments: list[str]) -> int:
    uv, environment = prepare_uv()

    def compile_lock(source: str, target: Path, *options: str) -> None:
        command = [uv, "pip", "compile", source, "--output-file", str(target), *OPTIONS, *options]
        print(f"lock: {target.relative_to(ROOT)}", flush=True)
        if subprocess.run(command, env=environment, cwd=ROOT, input="uv\n", text=True).returncode:
            raise SetupError(f"{target.name}: see uv's message above; mend the list in setup.py")

    compile_lock("setup.py", LOCK, *arguments)
    for extra in EXTRAS:
        added = REQUIREMENTS / f"{extra}.txt"
        compile_lock("setup.py", added, "--extra", extra, "--constraint", str(LOCK), *arguments)
        locked = entries(LOCK.read_text())
        more = [text for name, text in entries(added.read_text()).items() if name not in locked]
        added.write_text(
            f"# In addition to lock.txt, for everlong[{extra}]; made by: make lock\n"
            + "".join(more)
        )
    compile_lock("-", PIN, *arguments)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        sys.exit(f"lock: {error}")
