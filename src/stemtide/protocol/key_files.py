# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a file that should hold an API key, and the remedy."""

from pathlib import Path


def empty_key_file(path: Path | str) -> str:
    """Return what to say of a key file in which there is nothing."""
    return (
        f"{path} is empty: the command that should have written it failed; make it again with:"
        f" stemtide key new --party NAME --out {path}"
    )
