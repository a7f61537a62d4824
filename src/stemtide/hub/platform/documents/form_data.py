# SPDX-License-Identifier: Apache-2.0
"""The entries of a form of the law, as text in the PDF that shows them.

They are the document's subject, which PDF/A-2 allows, unlike an attached file. The seal covers
them. A program reads them only from a document whose seal it trusts.
"""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Mapping

_MARK = "Stemtide form data: "
_GROUP = 48
"""Letters in a row: fewer than typesetting breaks."""

MOST_LETTERS = 32_000
"""PDF/A allows 32,767 letters. Forms that need more have no entries to read."""

_MOST_BYTES = 1 << 20


def encode(form: str, values: Mapping[str, object]) -> str:
    """Return the entries of a form as text; "" if they are too long. values: as JSON has them."""
    content = zlib.compress(json.dumps({"form": form, "values": values}).encode(), 9)
    letters = base64.b64encode(content).decode()
    text = _MARK + " ".join(re.findall(f".{{1,{_GROUP}}}", letters))
    return text if len(text) <= MOST_LETTERS else ""


def decode(text: str) -> dict[str, object]:
    """Return the name of a form and its values; empty for any other text."""
    if not text.startswith(_MARK) or len(text) > MOST_LETTERS:
        return {}
    try:
        packed = base64.b64decode(text.removeprefix(_MARK).replace(" ", ""))
        content = json.loads(zlib.decompressobj().decompress(packed, _MOST_BYTES))
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        return {}
    is_form = isinstance(content, dict) and isinstance(content.get("values"), dict)
    return {"form": str(content.get("form", "")), "values": content["values"]} if is_form else {}
