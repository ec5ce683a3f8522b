"""Files of a run that were changed since they were written: nothing is told from them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from components.artifact_content import CONTENT, fault
from components.errors import InputError
from pipeline.run_folder.lineage import Artifact


@contextlib.contextmanager
def unchanged(artifacts: Iterable[Artifact]) -> Iterator[None]:
    """Checks artifacts that were read while it lasted: a file can be edited and still be readable.

    An error meanwhile is that of a changed artifact, if one is, unless it names the artifact
    itself: then it knows the very file.

    Raises:
      InputError: naming the artifact, and the way out.
    """
    try:
        yield
    except Exception as error:
        changed = _changed(artifacts)
        known = isinstance(error, InputError) and any(uri in str(error) for uri in changed)
        if changed and not known:
            raise _refusal(changed) from error
        raise
    if changed := _changed(artifacts):
        raise _refusal(changed)


def _changed(artifacts: Iterable[Artifact]) -> dict[str, str]:
    """What is wrong with the artifacts that have a record of what was written, by uri."""
    found = {
        artifact.uri: fault(artifact.uri, artifact.properties[CONTENT])
        for artifact in artifacts
        if artifact.properties.get(CONTENT)
    }
    return {uri: told for uri, told in found.items() if told}


def _refusal(changed: dict[str, str]) -> InputError:
    return InputError(f"{next(iter(changed.values()))}; the same `everlong run` makes it again")
