# SPDX-License-Identifier: Apache-2.0
"""Escape CSV cells against formula injection, and undo it.

A spreadsheet runs a cell that begins like a formula. In countries that use semicolons as list
separators it also splits cells of a comma file at semicolons, so the text after a semicolon may
begin a new cell.

source: OWASP, "CSV Injection", for the characters, also as East Asian keyboards write them.
"""

import re

_FORMULA_STARTS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_CELL_START = r"(?:^|[;\t\r\n])[ \u00a0\u3000]*"
"""Start of a cell, also as some spreadsheets see it."""

_FORMULA = re.compile(rf"{_CELL_START}(?='*[{_FORMULA_STARTS}])")
_ESCAPED_FORMULA = re.compile(rf"({_CELL_START})'(?='*[{_FORMULA_STARTS}])")
_DROPPED_START = re.compile(r"'*[\t\r]")
"""Characters at the start that a spreadsheet may drop before running the rest."""


def guard(text: str) -> str:
    """Return a cell with an apostrophe before each part that a spreadsheet would run."""
    escaped = _FORMULA.sub(r"\g<0>'", text)
    return f"'{escaped}" if _DROPPED_START.match(escaped) else escaped


def unguard(text: str) -> str:
    """Undo `guard`: return the cell that it was given."""
    if text.startswith("'") and _DROPPED_START.match(text):
        text = text[1:]
    return _ESCAPED_FORMULA.sub(r"\1", text)
