"""Files of a run that were changed since they were written, told where they cannot be read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from components.artifact_content import CONTENT, fault
from components.errors import InputError
from pipeline.run_folder.lineage import Artifact


@contextlib.contextmanager
def damage_is_told(artifacts: Iterable[Artifact]) -> Iterator[None]:
    """While it lasts, an error that nobody foresaw is that of a damaged artifact, if one is.

    Raises:
      InputError: naming the artifact, and the way out.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        for artifact in artifacts:
            written = artifact.properties.get(CONTENT)
            if written and (found := fault(artifact.uri, written)):
                raise InputError(f"{found}; the same `everlong run` makes it again") from error
        raise
