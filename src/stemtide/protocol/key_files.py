# SPDX-License-Identifier: Apache-2.0
"""The error message for an empty API key file."""

from pathlib import Path


def empty_key_file(path: Path | str) -> str:
    """Return the error message for an empty key file, with the remedy."""
    return (
        f"{path} is empty: the command that should have written it failed; make it again with:"
        f" stemtide key new --party NAME --out {path}"
    )
