"""What Beam cannot read of its arguments is told in a sentence."""

import pytest

from components.errors import InputError
from pipeline.beam_arguments import check_beam_arguments
from pipeline.errors import ConfigError


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--runner=Nope"], "beam.args: Unexpected pipeline runner: Nope"),
        (["--direct_num_workers=many"], "argument --direct_num_workers: invalid int value: 'many'"),
        (["--direct_num_workers"], "argument --direct_num_workers: expected one argument"),
    ],
)
def test_is_refused(args: list[str], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_beam_arguments(args)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    check_beam_arguments([])
    monkeypatch.setenv("BEAM_WORKERS", "3")
    check_beam_arguments(["--direct_num_workers=${BEAM_WORKERS}", "--runner=DirectRunner"])
    check_beam_arguments(["--runner=PortableRunner", "--job_endpoint=host:1", "--of_its_own=x"])
    monkeypatch.delenv("BEAM_WORKERS")
    with pytest.raises(InputError, match=r"no such environment variable"):
        check_beam_arguments(["--direct_num_workers=${BEAM_WORKERS}"])
