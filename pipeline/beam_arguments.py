"""Whether Beam understands `beam.args`, asked before anything starts."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence

from components.secrets import resolve
from pipeline.errors import ConfigError


def check_beam_arguments(args: Sequence[str]) -> None:
    """Refuses a runner that Beam does not have, and values that it cannot read.

    Beam reads them with argparse, which would end the process, its message unseen.

    Raises:
      ConfigError: in Beam's words.
    """
    if not args:
        return
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
    from apache_beam.runners.runner import create_runner

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options = PipelineOptions(resolve(list(args), "beam.args"))
            options.get_all_options()
            create_runner(options.view_as(StandardOptions).runner or "DirectRunner")
    except SystemExit:
        raise ConfigError(
            f"beam.args: {said.getvalue().strip().rpartition('error: ')[2]}"
        ) from None
    except (ValueError, ImportError) as error:
        raise ConfigError(f"beam.args: {str(error).partition(chr(10))[0][:400]}") from None
