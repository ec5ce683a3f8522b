"""Ids that are one number in several spellings, or hold what cannot be seen, by hand."""

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.behavior_example_gen.cells import spellings as module
from components.behavior_example_gen.cells.spellings import capitals, joined, several, spellings
from components.behavior_example_gen.cells.unseen import named, unseen

FORMS = ("{}", "+{}", "{}.", "{}.0", "{}.00", "{}e0", "{}E+0", "00{}")


@given(
    st.lists(
        st.tuples(st.integers(0, 40) | st.integers(10**8, 10**8 + 9), st.sampled_from(FORMS))
        | st.tuples(st.sampled_from(["a7", "7.5", "", "-", "7e", "1" * 19]), st.just("{}")),
        max_size=30,
    ),
    st.integers(0, 30),
)
def test_numbers_with_several_spellings_are_those_by_hand(cells, cut):
    texts = [form.format(value) for value, form in cells]
    ways: dict[int, set[str]] = {}
    for (value, _), text in zip(cells, texts, strict=True):
        if isinstance(value, int):
            ways.setdefault(value, set()).add(text)
    expected = sorted(tuple(sorted(found)[:3]) for found in ways.values() if len(found) > 1)
    whole = spellings(pa.array(texts, pa.string()))
    halves = [spellings(pa.array(half, pa.string())) for half in (texts[:cut], texts[cut:])]
    assert several(whole) == several(joined(*halves)) == expected


def test_signs_and_powers():
    cells = ["-7", "-07", "70", "7e1", "07E+1", None, "7000000000", "7e9", "0", "-0"]
    assert several(spellings(pa.array(cells))) == [
        ("-0", "0"), ("-07", "-7"), ("07E+1", "70", "7e1"), ("7000000000", "7e9"),
    ]  # fmt: skip
    typed = spellings(pa.array([7, 70, None]))
    assert several(joined(typed, spellings(pa.array(["070", "7"])))) == [("070", "70")]
    assert spellings(pa.array([7.0])) == {}


def test_blocks_look_at_the_same_numbers(monkeypatch):
    monkeypatch.setattr(module, "_KEPT", 20)
    monkeypatch.setattr(module, "_LOOKED_AT", 400)
    plain = spellings(pa.array([f"{n}" for n in range(400)]))
    odd = spellings(pa.array([f"{n}" for n in range(400)] + [f"0{n}" for n in range(400)]))
    both = joined(plain, spellings(pa.array([f"0{n}" for n in range(400)])))
    assert len(plain) == len(odd) == 20
    assert both == odd
    assert several(odd) == sorted((f"0{n}", f"{n}") for (n,) in plain.values())


TEXTS = ["abc", "ABC", "aBc", "\u00e9", "\u00c9", "12", "\uff11\uff12", "\uff41bc", "x1", ""]


@given(st.lists(st.sampled_from(TEXTS), max_size=12), st.integers(0, 12))
def test_ids_that_differ_by_capitals_or_width_alone_are_those_by_hand(texts, cut):
    groups = [
        {"abc", "ABC", "aBc", "\uff41bc"}, {"\u00e9", "\u00c9"}, {"12", "\uff11\uff12"}, {"x1"}
    ]  # fmt: skip
    written = [tuple(sorted(group & {*texts})[:3]) for group in groups]
    expected = sorted(ways for ways in written if len(ways) > 1)
    halves = [capitals(pa.array(half, pa.string())) for half in (texts[:cut], texts[cut:])]
    assert several(capitals(pa.array(texts, pa.string()))) == expected
    assert several(joined(*halves)) == expected


def test_accents_beside_letters_are_no_other_capitals():
    assert several(capitals(pa.array(["\u00e9", "e\u0301", None]))) == []
    assert capitals(pa.array([7, None])) == {}


CHARACTERS = [
    "\u00ad", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u061c", "\u180e", "\U000e0041",
    "\ufe0f", "\u034f", "\u3164", "\u00a0", "\u2009", "\ufffd", "\x07", "\t", "\x1f",
    "\x7f", "\x85",
]  # fmt: skip


@pytest.mark.parametrize("character", CHARACTERS)
def test_what_does_not_show_is_named(character):
    text = f"it{character}7"
    assert unseen(pa.array(["it7", text, None, f"z{character}z", text])) == (3, text)
    name = unicodedata.name(character, "a control character")
    assert named(text) == f"U+{ord(character):04X} ({name}) in {text!a}"


def test_what_shows_is_not_told():
    cells = [
        "it 7",
        "caf\u00e9",
        "e\u0301",
        "\u65e5\u672c\u3000\u8a9e",
        "two\nlines",
        "\U0001f600",
        None,
        "",
    ]
    assert unseen(pa.array(cells)) == (0, "")
    assert unseen(pa.array([7])) == (0, "")
