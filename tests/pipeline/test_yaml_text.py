"""YAML that no configuration needs is refused at once."""

from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.yaml_text import MOST_BYTES, MOST_DEPTH, MOST_VALUES, parse, read

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, f"line 5: holds more than {MOST_VALUES:,} values"),
        (BOMB.replace("&a [x,x,x", "&a {x: 1, y: [2],").replace("x]", "x: 3}", 1), "not valid"),
        ("a: " + "[" * 5000 + "]" * 5000, "line 1: nests deeper"),
        ("a: " + "[" * 5000, "line 1: nests deeper"),
        ("a: " + "{b: " * 5000, "line 1: nests deeper"),
        ("\n".join(" " * n + "a:" for n in range(500)), "nests deeper"),
        ("a: &a [*a]", "line 1: the alias *a holds itself"),
        ("a: &a {b: [*a]}", "the alias *a holds itself"),
        ("a: *b", "undefined alias"),
        ("a: 1\na: 2", "line 2: key 'a' is given twice"),
        ("a: 1\n[a]: 1\n", "line 2: a key must be a text. Received: ['a']"),
        ("? {a: 1}\n: 2\n", "line 1: a key must be a text. Received: {'a': 1}"),
        ("a: !!python/object/apply:os.system [ls]", "line 1: is not valid YAML"),
        ("a: !!int x", "not valid YAML"),
        ("a: !!bool x", "a value does not fit its tag"),
        ("a: !!timestamp x", "a value does not fit its tag"),
        ("a: 'open", "not valid YAML"),
        ("a: \x00", "not valid YAML"),
        ("a: 1\n--- \nb: 2", "not valid YAML"),
        ("x" * (MOST_BYTES + 1), "longer than 256 KiB"),
    ],
)
def test_is_refused_with_one_sentence(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "mine.yaml")
    told = str(caught.value)
    assert told.startswith("mine.yaml: ")
    assert words in told
    assert "\n" not in told
    assert len(told) < 300


def test_what_people_write_is_read() -> None:
    assert parse("a: &a {b: [1, 2]}\nc: *a\nd: {<<: *a, e: 3}", "x") == {
        "a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": {"b": [1, 2], "e": 3},
    }  # fmt: skip
    assert parse("a: " + "9" * 5000, "x") == {"a": "9" * 5000}  # its key is named by who reads it
    deep = "[" * (MOST_DEPTH - 1) + "]" * (MOST_DEPTH - 1)
    assert parse(deep, "x") is not None
    many = ",".join(["1"] * (MOST_VALUES - 3))
    assert len(parse(f"[{many}]", "x")) == MOST_VALUES - 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00a", "no text in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "no text in UTF-8"),
        (b"a: \x00\x01", "not valid YAML"),
        (b"", "must hold a mapping"),
        (b"- a\n- b\n", "must hold a mapping"),
        (b"just words", "must hold a mapping"),
        (b"x" * (MOST_BYTES + 1), "larger than 256 KiB"),
        (None, "cannot be read: Is a directory"),
    ],
)
def test_files_that_are_no_configuration(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "mine.yaml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
