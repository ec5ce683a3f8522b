"""The commands of `everlong`, a module each: `SUMMARY`, `add_arguments(parser)`, `execute(parsed)`.

`execute` returns the exit code. Heavy imports wait inside it until the input has been checked.
"""

COMMANDS = (
    "run", "ingest", "bench", "ablate", "predict", "serve", "rank", "items", "compare", "report",
    "simulate", "dataset", "config", "doctor", "compile", "submit",
)  # fmt: skip
