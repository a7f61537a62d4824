# SPDX-License-Identifier: Apache-2.0
"""A file on the hub's own machine with a type and a value in each line, by the package's client.

The address is file:///folder/name; with ?type=pdq, lines are values alone. The file is all that the
source has: a line that is gone has ended.

source: threatexchange 1.2 (LocalFileSignalExchangeAPI).
"""

import hashlib
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from threatexchange.exchanges.impl.file_api import (
    FileCollaborationConfig,
    LocalFileSignalExchangeAPI,
)

from stemtide.hub.rooms.exchanges.sources.source import SourceClient, SourceError
from stemtide.hub.rooms.exchanges.sources.tx.package import PackageExchange

MAX_BYTES, MAX_LINES = 32 * 1024 * 1024, 90_000
"""Largest file: one run reads all of it."""


def open_exchange(client: SourceClient) -> PackageExchange:
    """Return a file as the source of a run. raises: SourceError."""
    parts = urlsplit(client.endpoint.address)
    path = Path(unquote(parts.path))
    content = _read(path)
    signal_type = next(iter(parse_qs(parts.query).get("type", ())), None)
    collab = FileCollaborationConfig(filename=str(path), name="", signal_type=signal_type)
    edition = hashlib.sha256(content).hexdigest()
    return PackageExchange(LocalFileSignalExchangeAPI(collab), vocabulary="tx", edition=edition)


def _read(path: Path) -> bytes:
    """Return the content of a file that is not too large. raises: SourceError."""
    try:
        if not path.is_file():
            raise SourceError("there is no such file: look at the address")
        if path.stat().st_size > MAX_BYTES:
            raise SourceError(f"the file has more than {MAX_BYTES:,} bytes: split it")
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(f"the file cannot be read: {error.strerror}") from error
    if content.count(b"\n") > MAX_LINES:
        raise SourceError(f"the file has more than {MAX_LINES:,} lines: split it")
    return content
