# SPDX-License-Identifier: Apache-2.0
"""Cells of CSV files that spreadsheets show and never run, and the same cells as they were.

A spreadsheet runs a cell that begins like a formula. Where a country's lists have semicolons it
also takes a comma file apart at these, so what follows one in a cell may begin a cell of its own.

source: OWASP, "CSV Injection", for the characters, also as East Asian keyboards write them.
"""

import re

_BEGINS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_PLACE = r"(?:^|[;\t\r\n])[ \u00a0\u3000]*"
"""Where a cell begins, or what some spreadsheet takes for one."""

_RUNS = re.compile(rf"{_PLACE}(?='*[{_BEGINS}])")
_STOPPED = re.compile(rf"({_PLACE})'(?='*[{_BEGINS}])")
_HIDES = re.compile(r"'*[\t\r]")
"""What a spreadsheet may throw away at the beginning, and run the rest."""


def guard(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before what it would run."""
    told = _RUNS.sub(r"\g<0>'", text)
    return f"'{told}" if _HIDES.match(told) else told


def unguard(text: str) -> str:
    """The cell that `guard` was given."""
    if text.startswith("'") and _HIDES.match(text):
        text = text[1:]
    return _STOPPED.sub(r"\1", text)
