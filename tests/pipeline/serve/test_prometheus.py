"""The text format, literally."""

from __future__ import annotations

from pipeline.serve.prometheus import Counter, Gauge, Histogram, text


def test_the_text():
    requests = Counter("requests_total", "Requests.", ("code",))
    requests.add("OK")
    requests.add("OK", by=2)
    requests.add('a"\\\n')
    seconds = Histogram("seconds", "Time.", (0.5, 1), ("of",))
    for value in (0.25, 0.5, 0.75, 4):
        seconds.observe(value, "x")
    version = Gauge("version", "Version.", lambda: 1795937092)
    nothing = Gauge("nothing", "Nothing.", lambda: None)
    assert text([requests, seconds, version, nothing]).decode() == (
        "# HELP requests_total Requests.\n"
        "# TYPE requests_total counter\n"
        'requests_total{code="OK"} 3.0\n'
        'requests_total{code="a\\"\\\\\\n"} 1.0\n'
        "# HELP seconds Time.\n"
        "# TYPE seconds histogram\n"
        'seconds_bucket{of="x",le="0.5"} 2\n'
        'seconds_bucket{of="x",le="1"} 3\n'
        'seconds_bucket{of="x",le="+Inf"} 4\n'
        'seconds_sum{of="x"} 5.5\n'
        'seconds_count{of="x"} 4\n'
        "# HELP version Version.\n"
        "# TYPE version gauge\n"
        "version 1795937092\n"
        "# HELP nothing Nothing.\n"
        "# TYPE nothing gauge\n"
    )
