"""Interruptions (Ctrl-C, SIGTERM) that arrive as something else."""

from __future__ import annotations


def is_interruption(fault: BaseException) -> bool:
    """Whether a fault is an interruption, or what Beam's runner makes of one.

    It raises what a step raised anew, as a RuntimeError that begins with the name.
    """
    return isinstance(fault, KeyboardInterrupt) or str(fault).startswith("KeyboardInterrupt")
