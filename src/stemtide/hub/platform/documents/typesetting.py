# SPDX-License-Identifier: Apache-2.0
"""Data as PDF, by typst, from templates of ours.

What people wrote reaches typst as JSON and is shown as text: it is never read as typst's language.
The templates name no package, so nothing is fetched.

source: PDF/UA-1 (ISO 14289-1), PDF/A-2a (ISO 19005-2).
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import typst

_LONG_WORD = re.compile(r"[^\W_]{60,}")
"""Letters in a row that no column holds. Ids are shorter: they are copied as they stand."""

_ROOT = Path(__file__).parents[2]
"""Templates import sheets/house.typ from here, and reach nothing above."""

_STANDARDS = ["a-2a", "ua-1"]
"""For people who hear a page, and for archives. typst then refuses letters that no font has."""


def typeset(template: Path, document: Mapping[str, object], *, lang: str) -> bytes:
    """Make a PDF of a template and data. lang: as BCP 47 names it; data["lang"] in the template.

    1. Tagged, for archives, with the fonts that typst brings.
    2. Where these lack a letter: the same with the machine's fonts.
    3. Where nobody has it: tagged, but without the claim to the standards; the letter is a box.
    """
    data = json.dumps({**document, "lang": lang}, ensure_ascii=False)
    inputs = {"data": _LONG_WORD.sub(_broken, data)}
    for is_own in (True, False):
        try:
            return _run(template, inputs, standards=_STANDARDS, is_own=is_own)
        except typst.TypstError as error:
            if "could not be displayed" not in str(error):
                raise
    return _run(template, inputs, standards=[], is_own=False)


def _broken(word: re.Match[str]) -> str:
    """Return a word that is too long for a line, with places where it may break."""
    return "\N{ZERO WIDTH SPACE}".join(re.findall(".{1,16}", word[0]))


def _run(template: Path, inputs: dict[str, str], *, standards: list[str], is_own: bool) -> bytes:
    """Run typst once."""
    pdf: bytes = typst.compile(  # type: ignore[call-overload]  # its stub wants one type for both
        template,
        root=_ROOT,
        format="pdf",
        ignore_system_fonts=is_own,
        sys_inputs=inputs,
        pdf_standards=standards,
    )
    return pdf
