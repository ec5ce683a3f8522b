"""What Beam finds out of its objects each time it needs it, remembered as long as they live.

Before a pipeline runs, Beam asks each DoFn some ten times whether it keeps state, and looks through
the signatures of all of its methods for an answer; and it parses all flags again for each view of
a pipeline's options, of which it takes several for each transform. Neither answer changes. Of a run
on a small log both together were a sixth of the CPU time.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Hashable
from typing import Any

_REMEMBERS = "_everlong_remembers"


def install() -> None:
    """Has Beam in this process remember; the second time there is nothing to do."""
    from apache_beam.options.pipeline_options import PipelineOptions  # where it is needed only
    from apache_beam.transforms import userstate

    for owner, name in ((userstate, "get_dofn_specs"), (PipelineOptions, "view_as")):
        function = getattr(owner, name)
        if not hasattr(function, _REMEMBERS):
            setattr(owner, name, remembering(function))


def remembering(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the function of an object and of hashable arguments, called once with each of them.

    Objects are told apart by identity, and are not kept alive; what cannot be referred to weakly
    is not remembered.
    """
    told: dict[int, tuple[weakref.ref[Any], dict[tuple[Hashable, ...], Any]]] = {}

    @functools.wraps(function)
    def remembered(of: Any, *arguments: Hashable) -> Any:
        key = id(of)
        if key not in told:
            try:
                told[key] = weakref.ref(of, lambda _: told.pop(key, None)), {}
            except TypeError:
                return function(of, *arguments)
        answers = told[key][1]
        if arguments not in answers:
            answers[arguments] = function(of, *arguments)
        return answers[arguments]

    setattr(remembered, _REMEMBERS, True)
    return remembered
