# SPDX-License-Identifier: Apache-2.0
"""The content of a signal: what it matches and says. Its id, place, state and marks are not."""

from collections.abc import Mapping
from typing import Any

from stemtide.protocol.enums import Provenance

EMPTY: Mapping[str, Any] = {
    "value": "",
    "url": "",
    "reach": None,
    "quality": None,
    "within_bits": None,
    "content": None,
    "labels": [],
    "ideology": None,
    "entity": None,
    "language": None,
    "provenance": Provenance.UNKNOWN,
    "via": "",
    "title": "",
    "withdraw_note": "",
}
"""The columns of the content, with their values once it is erased."""
