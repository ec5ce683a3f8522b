"""`everlong rank`: the targets of one request, best first, from the shell."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from components import unique_keys
from components.errors import InputError
from pipeline.arguments import add_model
from pipeline.bench.arguments import positive
from pipeline.result_file import table
from pipeline.serve.folder import check_model
from pipeline.terminal.console import quiet
from pipeline.terminal.exit_codes import DONE

SUMMARY = "score one user's targets with an exported model and print them, best first"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser, "a folder of versions, whose newest is taken, or an exported SavedModel")
    parser.add_argument(
        "--request",
        default="-",
        metavar="FILE",
        help='JSON of one user: {"inputs": {...}} as REST takes it, or the inputs of the signature '
        "`score` by name; lists need no list of users around them, nor a history_length "
        "(default: -, standard input)",
    )
    parser.add_argument(
        "--top", type=positive, metavar="N", help="print the N best only (default: all)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def execute(arguments: argparse.Namespace) -> int:
    check_model(arguments.model, wait=False)
    text = _read(arguments.request)
    try:
        request = unique_keys.loads(text)
    except unique_keys.RepeatedKeyError as error:
        raise InputError(f"--request {arguments.request}: {error}; keep one") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"--request {arguments.request}: is no JSON: {error}") from None
    with quiet(Path(os.devnull)) as terminal:
        from pipeline.serve.rank import newest, rank

        rows = rank(newest(arguments.model), request, arguments.request)[: arguments.top]
        if arguments.json:
            terminal.line(json.dumps(rows, indent=2, ensure_ascii=False))
        else:
            texts = [
                {n: value if isinstance(value, float) else str(value) for n, value in row.items()}
                for row in rows
            ]
            terminal.line(table(texts, {name: name for name in rows[0]}))
    return DONE


def _read(file: str) -> str:
    try:
        if file == "-":
            return sys.stdin.buffer.read().decode("utf-8-sig")
        return Path(file).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"--request {file}: cannot be read: {reason}") from None
