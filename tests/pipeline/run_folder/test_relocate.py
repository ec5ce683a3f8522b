"""Where an artifact is, after its run folder was moved."""

from pathlib import Path

from ml_metadata import proto

from pipeline.run_folder.relocate import relocated


def _artifact(uri: str, **texts: str) -> proto.Artifact:
    artifact = proto.Artifact(uri=uri)
    for name, text in texts.items():
        artifact.custom_properties[name].string_value = text
    return artifact


def test_uri_and_paths_among_the_properties_move_with_the_folder() -> None:
    before = _artifact(
        "/old/artifacts/run/artifacts/Pusher/pushed_model/9",
        pushed_destination="/old/artifacts/run/serving/3",
        current_model="/old/artifacts/run/artifacts/Trainer/model/6",
        elsewhere="/old/artifacts/runner/serving/3",
        verdict="Blessed.",
    )
    assert relocated(before, Path("/new")) == _artifact(
        "/new/artifacts/Pusher/pushed_model/9",
        pushed_destination="/new/serving/3",
        current_model="/new/artifacts/Trainer/model/6",
        elsewhere="/old/artifacts/runner/serving/3",
        verdict="Blessed.",
    )


def test_what_is_in_place_or_of_no_run_stays() -> None:
    for uri in ("/run/artifacts/Trainer/model/6", "/data/model", ""):
        assert relocated(_artifact(uri), Path("/run")) == _artifact(uri)
