# SPDX-License-Identifier: Apache-2.0
"""Look an address up without telling it: the first bytes of digests in, whole digests out.

Who asks makes the digests of everything that covers the address (fingerprints/url_reach.py), tells
the first four bytes of each, and compares the answer at home. So the agent, and whoever reads its
log, learns that one of very many addresses was looked up.
"""

import time

from starlette.requests import Request

from stemtide.agent.config import Config
from stemtide.agent.intake import invalid
from stemtide.agent.store import Store
from stemtide.fingerprints.kinds import SIZE_BYTES, Kind
from stemtide.fingerprints.url_reach import MAX_EXPRESSIONS, PREFIX_BYTES

_REST = b"\xff" * (SIZE_BYTES[Kind.URL] - PREFIX_BYTES)
_DIGESTS = (
    "SELECT DISTINCT value FROM signals WHERE kind = 'url' AND value BETWEEN ? AND ?"
    " AND (expires_at IS NULL OR expires_at > ?) AND (? OR NOT exercise)"
)


def read_prefixes(request: Request) -> list[bytes]:
    """The prefixes of GET /match/urls, each once. raises: BadRequestError."""
    given = request.query_params.multi_items()
    for name, _ in given:
        if name != "prefix":
            raise invalid(name[:80], "is no parameter here; known is prefix")
    if not 1 <= len(given) <= MAX_EXPRESSIONS:
        raise invalid("prefix", f"give 1 to {MAX_EXPRESSIONS} of them, those of one address")
    return sorted({_read(text) for _, text in given})


def _read(text: str) -> bytes:
    try:
        prefix = bytes.fromhex(text)
    except ValueError:
        prefix = b""
    if len(prefix) != PREFIX_BYTES or len(text) != 2 * PREFIX_BYTES:
        digits = 2 * PREFIX_BYTES
        raise invalid("prefix", f"is the first {digits} hex digits of a digest, no more, no less")
    return prefix


def digests(prefixes: list[bytes], *, store: Store, config: Config) -> list[str]:
    """All digests of addresses, folders and hosts that match now and begin so, in hex, sorted."""
    now = time.time()
    found: set[bytes] = set()
    for prefix in prefixes:
        asked = (prefix + bytes(len(_REST)), prefix + _REST, now, config.exercise)
        found.update(value for (value,) in store.read(_DIGESTS, asked))
    return sorted(value.hex() for value in found)
