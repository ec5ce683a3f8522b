"""`make setup`: from a bare Python 3.11 to a checked environment in .venv; standard library only.

The stamp is written last and names all that the environment was made from, so an interrupted or
outdated set-up is done again, and a complete one costs nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from uv_tool import ROOT, TOOLS, SetupError, prepare_uv

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "everlong-setup"
LOG = TOOLS / "setup.log"
SOURCES = [
    "setup.py",
    "pipeline/__init__.py",
    *(f"requirements/{name}" for name in ("lock.txt", "test.txt", "uv.txt")),
]
SOURCES += sorted(f"requirements/{path.name}" for path in Path(__file__).parent.glob("*.py"))
# The wheels of ml-metadata and TFDV are tagged for glibc 2.39; mend_wheels.py makes them fit.
# Bytecode at once: where PYTHONDONTWRITEBYTECODE is set, every process would compile TFX, 8 s long.
SYNC = [
    "pip", "sync", "--require-hashes", "--compile-bytecode",
    "--python-platform", "x86_64-manylinux_2_39",
]  # fmt: skip
SELF = ["pip", "install", "--no-deps", "--no-build-isolation", "--editable", "."]


def fingerprint() -> str:
    """Everything that the environment depends on, its place included (scripts hold full paths)."""
    digest = hashlib.sha256(f"{sys.version}\n{VENV}\n{platform.libc_ver()}".encode())
    for name in SOURCES:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_complete() -> bool:
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == fingerprint()


def check_machine() -> None:
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    if sys.version_info[:2] != (3, 11):
        raise SetupError(
            f"TFX 1.21 needs Python 3.11. Found: {machine}. Name one: make setup PYTHON=python3.11"
        )
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise SetupError(
            f"TFX's native wheels exist for Linux on x86_64 only. Found: {machine}. Use docker/"
        )


def step(what: str, command: list[str], environment: dict[str, str], remedy: str) -> None:
    """Runs one command, its output into the log; says what it does and how long it took."""
    print(f"setup: {what} ...", end=" ", flush=True)
    begin = time.monotonic()
    with LOG.open("a") as log:
        log.write(f"\n$ {' '.join(command)}\n")
        log.flush()
        start = log.tell()
        code = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        ).returncode
    print(f"{'failed' if code else 'done'} after {time.monotonic() - begin:.0f} s", flush=True)
    if code:
        tail = LOG.read_text(errors="replace")[start:].splitlines()[-15:]
        failure = "\n  ".join([f"{what} failed (exit code {code}); the end of {LOG}:", *tail])
        raise SetupError(f"{failure}\nRemedy: {remedy}")


def install() -> None:
    TOOLS.mkdir(exist_ok=True)
    STAMP.unlink(missing_ok=True)
    LOG.write_text("")
    print(f"setup: making {VENV}; the log is {LOG.relative_to(ROOT)}")
    print("setup: fetching uv with pip, into .tools ...", flush=True)
    uv, environment = prepare_uv()
    environment |= {"VIRTUAL_ENV": str(VENV), "TF_USE_LEGACY_KERAS": "1"}
    python = str(PYTHON)
    again = "make clean setup starts afresh"

    step(
        "making .venv",
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)],
        environment,
        f"check that this folder can be written to; {again}.",
    )
    step(
        "installing requirements/lock.txt and test.txt, at first about 1 GB to fetch",
        [uv, *SYNC, "requirements/lock.txt", "requirements/test.txt"],
        environment,
        "check the network, the index (pip's or UV_DEFAULT_INDEX) and 5 GB of free disk; what is "
        f"fetched already is kept, so run it again. A wrong hash: {again}.",
    )
    step("installing everlong, editable", [uv, *SELF], environment, f"mend setup.py; {again}.")
    step(
        "fitting native wheels to this system's glibc",
        [python, "requirements/mend_wheels.py"],
        environment,
        again,
    )
    step(
        "checking: everlong doctor",
        [python, "-m", "pipeline", "doctor"],
        environment,
        f"as the line that says `failed` has it; {again}; or report the log with the output of: "
        "ldd --version",
    )
    partial = STAMP.with_suffix(".partial")
    partial.write_text(fingerprint())
    os.replace(partial, STAMP)


def main() -> int:
    if is_complete():
        print("setup: .venv is complete")
        return 0
    begin = time.monotonic()
    try:
        check_machine()
        TOOLS.mkdir(exist_ok=True)
        with (TOOLS / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of two at a time, one waits and finds it done
            if not is_complete():
                install()
    except (SetupError, OSError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsetup: interrupted; run it again to begin anew", file=sys.stderr)
        return 130
    print(f"setup: complete after {time.monotonic() - begin:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
