# SPDX-License-Identifier: Apache-2.0
"""Look up URLs without disclosing them: digest prefixes in, full digests out.

The caller computes the digests of everything that covers the URL (fingerprints/url/reach.py),
sends the first four bytes of each, and compares the response itself. So the agent, and everyone
who reads its log, learns only that one of very many URLs was looked up.
"""

import time

from starlette.requests import Request

from stemtide.agent.config.settings import Config
from stemtide.agent.http.match_requests import invalid
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import SIZE_BYTES, Kind
from stemtide.fingerprints.url.reach import MAX_EXPRESSIONS, PREFIX_BYTES

_REST = b"\xff" * (SIZE_BYTES[Kind.URL] - PREFIX_BYTES)
_DIGESTS = (
    "SELECT DISTINCT value FROM signals WHERE kind = 'url' AND value BETWEEN ? AND ?"
    " AND (expires_at IS NULL OR expires_at > ?) AND (? OR NOT exercise)"
)


def read_prefixes(request: Request) -> list[bytes]:
    """Return the distinct prefixes of GET /match/urls. raises: BadRequestError."""
    parameters = request.query_params.multi_items()
    for name, _ in parameters:
        if name != "prefix":
            raise invalid(name[:80], "is no parameter here; known is prefix")
    if not 1 <= len(parameters) <= MAX_EXPRESSIONS:
        raise invalid("prefix", f"give 1 to {MAX_EXPRESSIONS} prefixes, those of one URL")
    return sorted({_read(text) for _, text in parameters})


def _read(text: str) -> bytes:
    try:
        prefix = bytes.fromhex(text)
    except ValueError:
        prefix = b""
    if len(prefix) != PREFIX_BYTES or len(text) != 2 * PREFIX_BYTES:
        digits = 2 * PREFIX_BYTES
        raise invalid("prefix", f"is the first {digits} hex digits of a digest")
    return prefix


def digests(prefixes: list[bytes], *, store: Store, config: Config) -> list[str]:
    """Return the active digests of URLs, folders and hosts with these prefixes, in sorted hex."""
    now = time.time()
    values: set[bytes] = set()
    for prefix in prefixes:
        bounds = (prefix + bytes(len(_REST)), prefix + _REST, now, config.exercise)
        values.update(value for (value,) in store.read(_DIGESTS, bounds))
    return sorted(value.hex() for value in values)
