# SPDX-License-Identifier: Apache-2.0
"""Crisis mechanisms that exchange activations with this hub, from the operator's file.

The file lists each neighbour: its keys, and the address to send our activations to. It is read at
each use: a key that is removed there ends at once.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stemtide.protocol.activations import KeyTextError, read_key

_NAME = re.compile(r"[a-z0-9-]{2,60}")


class NeighboursFileError(Exception):
    """The file of neighbours cannot be used. The text names the row and the remedy."""


class _Row(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid")

    party: str = Field(min_length=2)
    keys: list[str] = Field(min_length=1, max_length=5)
    tell: str = Field(default="", max_length=300, pattern=r"^(https?://[^ ]+)?$")


@dataclass(frozen=True, slots=True)
class KnownNeighbour:
    """A neighbour. party: that stands for it here; tell: where it agreed to hear ours, or ""."""

    name: str
    party: str
    keys: tuple[Ed25519PublicKey, ...]
    tell: str


def known_neighbours() -> dict[str, KnownNeighbour]:
    """Return the neighbours of the operator's file; none if no file is named.

    raises: NeighboursFileError.
    """
    if not settings.NEIGHBOURS_FILE:
        return {}
    path = Path(settings.NEIGHBOURS_FILE)
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise NeighboursFileError(f"{path} cannot be read: {error}") from error
    return {name: _neighbour(name, table, path=path) for name, table in tables.items()}


def _neighbour(name: str, table: object, *, path: Path) -> KnownNeighbour:
    """Parse a table. raises: NeighboursFileError."""
    if not _NAME.fullmatch(name):
        raise NeighboursFileError(f"{path}: [{name}]: use a to z, 0 to 9 and hyphens")
    try:
        row = _Row.model_validate(table)
        keys = tuple(read_key(text) for text in row.keys)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, (name, *first["loc"])))
        raise NeighboursFileError(f"{path}: {where}: {first['msg']}") from error
    except KeyTextError as error:
        raise NeighboursFileError(f"{path}: {name}.keys: {error}") from error
    return KnownNeighbour(name, row.party, keys, row.tell)
