"""YAML as version 1.2 reads it: on, yes and 2020-09-14 are texts, and 007 keeps its zeros."""

from __future__ import annotations

import re

import yaml

_NUMBER_STARTS = "-+.0123456789"
_INT = r"[-+]?(?:0|[1-9][0-9]{0,999})|0x[0-9a-fA-F]+"  # a longer one is a text: Python reads none
_FLOAT = (
    r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


class CoreLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2's core schema, and `<<` of 1.1.

    By YAML 1.1, the behaviour `on` would be true, the day 2020-09-14 a date and the time 12:30 the
    number 750.
    """


CoreLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _starts in (
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", _INT, _NUMBER_STARTS),
    ("float", _FLOAT, _NUMBER_STARTS),
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", "<<", "<"),
):
    CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_starts)
    )
