"""Secrets of a configuration: named by reference, resolved where used, masked everywhere else."""

from __future__ import annotations

import json
import logging
import os
import re
import traceback
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.errors import InputError

REFERENCE = re.compile(r"\$\{(?:file:(?P<file>[^}]+)|(?P<name>[A-Za-z_]\w*))\}")
_NAMES = (
    r"(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?|"
    r"account[_-]?key|private[_-]?key|credentials?|authorization)"
)
_KEY = re.compile(rf"(?:^|[_.\-\s]){_NAMES}$", re.IGNORECASE)
# What connection strings and URLs hold besides a place (`;password=…`, `//user:…@host`, `?sig=…`),
# and what is a secret by its own form: headers, web tokens, keys.
_WITHIN = re.compile(
    rf"{_NAMES}\s*=\s*[\"']?[^\s;&,\"']|://[^/\s:@]*:[^/\s@]+@"
    r"|[?&](?:sig|signature|x-(?:amz|goog)-signature)=[^&\s]"
    r"|\bBearer\s+[\w.~+/=-]{3,}|\bBasic\s+[\w+/]{4,}={1,2}|\beyJ[\w-]+\.eyJ"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b",
    re.IGNORECASE,
)
_LEAST = 4  # characters of a value worth masking; a shorter one is in every other word
_MASK = "***"
_values: set[str] = set()


def is_secret_key(key: str) -> bool:
    """Whether a key such as `password`, `db.apiKey` or `--s3_secret_access_key` names a secret."""
    spellings = (key, re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key))
    return any(_KEY.search(spelling) for spelling in spellings)


def literals(value: Any, key: str = "") -> Iterator[str]:
    """Yields the keys below `key` whose values look like secrets, and are not references."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from literals(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from literals(item, key)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        text = REFERENCE.sub("", str(value))
        if (text and is_secret_key(key)) or _WITHIN.search(text):
            yield key


def refuse_literals(value: Any, key: str) -> None:
    """Refuses secrets that are written out.

    Raises:
      ValueError: naming the key, and the two ways to refer to a value.
    """
    if found := next(literals(value, key), None):
        raise ValueError(
            f"`{found}` looks like a secret, and metadata, log and report would hold it. "
            "Received: a literal value, not shown; write ${NAME} for an environment variable, or "
            "${file:PATH} for the content of a file"
        )


def resolve(value: Any, key: str) -> Any:
    """Returns `value` with every `${NAME}` and `${file:PATH}` in its strings replaced.

    What was put in is masked from then on, in all that Python logs and in `masked`.

    Args:
      value: a string, or mappings and lists of such.
      key: of the configuration, for messages.

    Raises:
      InputError: if there is no such variable or file.
    """
    if isinstance(value, dict):
        return {name: resolve(item, f"{key}.{name}") for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(item, key) for item in value]
    if isinstance(value, str):
        return REFERENCE.sub(lambda found: _read(found, key), value)
    return value


def _read(found: re.Match[str], key: str) -> str:
    if found["file"]:
        try:
            content = Path(found["file"]).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            raise InputError(
                f"`{key}` refers to {found[0]}, which cannot be read "
                f"({getattr(error, 'strerror', None) or error}); mend the path"
            ) from None
    elif found["name"] in os.environ:
        content = os.environ[found["name"]]
    else:
        raise InputError(
            f"`{key}` refers to {found[0]}, but there is no such environment variable; export it"
        )
    _hide(content)
    return content


def masked(text: str) -> str:
    """Returns the text without the secrets that were resolved so far."""
    for value in sorted(_values, key=len, reverse=True):
        text = text.replace(value, _MASK)
    return text


def shown(value: Any, key: str = "") -> Any:
    """Returns a value of a configuration as messages may show it: no literal secrets."""
    if isinstance(value, dict):
        return {name: shown(item, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item, key) for item in value]
    return _MASK if next(literals(value, key), None) is not None else value


def _hide(value: str) -> None:
    if len(value) < _LEAST:
        return
    if not _values:
        logging.setLogRecordFactory(_masking(logging.getLogRecordFactory()))
    # As it is, and as it stands within quotes or a URL.
    _values.update({value, json.dumps(value)[1:-1], repr(value)[1:-1], urllib.parse.quote(value)})


def _masking(make: Any) -> Any:
    def record(*arguments: Any, **keywords: Any) -> logging.LogRecord:
        made = make(*arguments, **keywords)
        text = made.getMessage()
        if (hidden := masked(text)) != text:
            made.msg, made.args = hidden, ()
        if isinstance(made.exc_info, tuple) and made.exc_info[0] is not None:
            made.exc_text = masked("".join(traceback.format_exception(*made.exc_info)))
        return made

    return record
