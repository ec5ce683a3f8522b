"""Set-up needs no compiler: what is native comes as a wheel, and computes what the source did."""

from __future__ import annotations

import importlib.metadata

import pytest


def test_nothing_native_was_built_on_this_machine():
    # Indexes take native wheels for `manylinux` only; one tagged `linux` was compiled here.
    built = [
        package.name
        for package in importlib.metadata.distributions()
        if "-linux_x86_64" in (package.read_text("WHEEL") or "")
    ]
    assert built == []


@pytest.mark.parametrize(
    ("text", "fingerprint64", "fingerprint32"),
    [  # as pyfarmhash 0.3.2 gives them, which TFDV asks for
        ("", 11160318154034397263, 3696677242),
        ("a", 12917804110809363939, 1016544589),
        ("target_item", 10876229187277025985, 1045684135),
        ("h\u00e9llo \u2713", 9612346434358609650, 86960875),
        ("0123456789" * 2, 17571444062836781686, 1163450095),
        ("0123456789" * 5, 14788869930388920584, 2512904437),
        ("0123456789" * 100, 15486566875804449801, 908652244),
    ],
)
def test_fingerprints_are_those_that_tfdv_counts_on(text, fingerprint64, fingerprint32):
    import farmhash

    assert farmhash.fingerprint64(text) == fingerprint64
    assert farmhash.fingerprint32(text) == fingerprint32
