# SPDX-License-Identifier: Apache-2.0
"""API keys: how long a replaced key goes on, and the error message for an empty key file."""

from pathlib import Path

OVERLAP_HOURS = 24
"""How long a key goes on after it was replaced, unless somebody says otherwise."""

MAX_OVERLAP_HOURS = 7 * 24
"""The longest overlap: both keys give access meanwhile."""


def empty_key_file(path: Path | str) -> str:
    """Return the error message for an empty key file, with the remedy."""
    return (
        f"{path} is empty: the command that should have written it failed; make it again with:"
        f" stemtide key new --party NAME --out {path}"
    )
