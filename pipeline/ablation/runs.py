"""Trains the runs of a study, several at a time, each in a process of its own."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from pipeline.ablation.job import LOG, Job, Result
from pipeline.terminal.console import Terminal

_ROOT = Path(__file__).resolve().parents[2]


class Workers:
    """Runs processes, and stops them all when the study is interrupted.

    Args:
      folder: each run gets one of its own below it, named by its key.
      count: processes at a time.
      threads: that TensorFlow computes with in each.
      terminal: where progress goes.
      command: a process's command, before folder and threads.
    """

    def __init__(
        self,
        folder: Path,
        count: int,
        threads: int,
        terminal: Terminal,
        command: tuple[str, ...] = (sys.executable, "-m", "pipeline.ablation.worker"),
    ) -> None:
        self._folder, self._count, self._threads = folder, count, threads
        self._terminal, self._command = terminal, command
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, jobs: list[Job]) -> tuple[dict[str, Result], dict[str, str]]:
        """Trains what is not finished yet; jobs of one key run once.

        Returns:
          The results and, of the runs that failed, the reasons; both by key.
        """
        wanted = {job.key: job for job in jobs}
        results = {key: found for key in wanted if (found := Result.read(self._folder / key))}
        failures: dict[str, str] = {}
        todo = {key: job for key, job in wanted.items() if key not in results}
        if results:
            self._terminal.line(f"{len(results)} of {len(wanted)} runs were finished before")
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(self._count) as pool:
            futures = {pool.submit(self._run, key, job): key for key, job in todo.items()}
            try:
                for ended, future in enumerate(concurrent.futures.as_completed(futures), 1):
                    key = futures[future]
                    try:
                        results[key] = future.result()
                        what = f"trained in {results[key].training['seconds']:.0f} s"
                    except RunFailed as failure:
                        failures[key] = str(failure)
                        what = f"FAILED: {failure}"
                    left = (time.monotonic() - started) / ended * (len(todo) - ended)
                    self._terminal.line(
                        f"[{ended:{len(str(len(todo)))}}/{len(todo)}] {todo[key].name}: {what}; "
                        f"about {left // 60:.0f}:{left % 60:02.0f} left"
                    )
            finally:
                self._stop()
                pool.shutdown(cancel_futures=True)
        return results, failures

    def _run(self, key: str, job: Job) -> Result:
        folder = self._folder / key
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "job.json").write_text(job.model_dump_json(indent=2), encoding="utf-8")
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]),
            "OMP_NUM_THREADS": str(self._threads),
        }
        command = [*self._command, str(folder), str(self._threads)]
        with open(folder / LOG, "wb") as log:
            with self._lock:
                if self._stopped:
                    raise RunFailed("stopped")
                process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
                self._running.add(process)
            code = process.wait()
        with self._lock:
            self._running.discard(process)
        result = Result.read(folder) if code == 0 else None
        if result is None:
            raise RunFailed(_reason(folder / LOG, code))
        return result

    def _stop(self) -> None:
        """Ends every process that still runs; its checkpoints stay."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()


class RunFailed(RuntimeError):
    """A run ended without a result; the message says why."""


def _reason(log: Path, code: int) -> str:
    if code == -9:
        return f"the process was killed, most likely for lack of memory; see {log}"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"{lines[-1][:300] if lines else f'exit code {code}'}; see {log}"
