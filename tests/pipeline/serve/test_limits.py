"""What runs, what waits, and what is turned away."""

from __future__ import annotations

import threading

import pytest

from pipeline.serve.errors import Code, RequestError
from pipeline.serve.limits import Limits
from tests.pipeline.serve.tiny import wait_until


def test_so_many_run_and_so_many_wait():
    limits = Limits(workers=2, queue=3)
    go, results = threading.Event(), []
    threads = [
        threading.Thread(
            target=lambda n=n: results.append(limits.run(lambda: go.wait(60) and n, 60))
        )
        for n in range(5)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: (limits.running, limits.waiting) == (2, 3))
    with pytest.raises(RequestError, match="2 requests run and 3 wait") as refused:
        limits.run(lambda: 6, 60)
    assert refused.value.code is Code.RESOURCE_EXHAUSTED
    go.set()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 1, 2, 3, 4]
    wait_until(lambda: (limits.running, limits.waiting) == (0, 0))
    assert limits.run(lambda: 6, 60) == 6
    limits.close()


def test_what_waits_beyond_its_deadline_never_begins():
    limits = Limits(workers=1, queue=1)
    go, begun, called = threading.Event(), threading.Event(), []
    thread = threading.Thread(target=limits.run, args=(lambda: begun.set() or go.wait(60), 60))
    thread.start()
    assert begun.wait(60)
    for seconds in (0.05, 0.0, -1.0):
        with pytest.raises(RequestError, match="deadline passed") as refused:
            limits.run(lambda: called.append(1), seconds)
        assert refused.value.code is Code.DEADLINE_EXCEEDED
    assert limits.waiting == 0  # its place is free again
    go.set()
    thread.join()
    limits.close()
    assert not called


def test_a_fault_reaches_who_asked():
    limits = Limits(workers=1, queue=1)
    with pytest.raises(ZeroDivisionError):
        limits.run(lambda: 1 // 0, 60)
    assert limits.run(lambda: 2, 60) == 2
    limits.close()
