"""Which run a report is of."""

import pytest

from components.evaluation_report.executor import run_of


@pytest.mark.parametrize(
    ("folder", "run"),
    [
        ("/minio/b/v2/artifacts/simulated/7f-1/EvaluationReport/0a-2/report", "7f-1"),
        ("minio://b/v2/artifacts/simulated/7f-1/EvaluationReport/report", "7f-1"),
        ("/gcs/b/root/1234/shop-20260831/EvaluationReport_-567/report", "shop-20260831"),
        ("/home/EvaluationReport/root/p/7f/EvaluationReport/0a/report", "7f"),
        ("/somewhere/report", "unknown"),
    ],
)
def test_the_path_tells_the_run(folder, run):
    assert run_of(folder) == run
