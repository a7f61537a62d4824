# SPDX-License-Identifier: Apache-2.0
"""Constraints of texts that people write in messages."""

from pydantic import StringConstraints

_NON_SPACE = r"[^\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
THREE_CHARACTERS = StringConstraints(
    min_length=3, strip_whitespace=True, pattern=rf"{_NON_SPACE}[\s\S]+{_NON_SPACE}"
)
"""At least three characters without the spaces around them, in a pattern that every engine reads
alike. source: Unicode, property White_Space.
"""
