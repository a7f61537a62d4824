# SPDX-License-Identifier: Apache-2.0
"""Test the connection to another hub: read one page of it, and keep nothing.

The rules of egress hold as in a run: public https addresses only, no redirects.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.platform.errors import RateLimitError
from stemtide.hub.rooms.exchanges import encryption
from stemtide.hub.rooms.exchanges.encryption import LostSecretError
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.rules import proposals as rules
from stemtide.hub.rooms.exchanges.runner import PULLERS
from stemtide.hub.rooms.exchanges.sources.source import Endpoint, SourceClient, SourceError
from stemtide.hub.rooms.exchanges.writes import connection as writes
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import ExchangeKind

TIMEOUT_S = 15.0
"""Longest duration of a test: somebody waits for the page."""

_TESTS = threading.BoundedSemaphore(2)
"""Limits concurrent tests, so that a slow partner cannot block more requests."""


@dataclass(frozen=True, slots=True)
class ConnectionResult:
    """The result of a test. why: "" if the other hub answers as it should.

    records, faults: signals on its first page, and records that could not be read.
    """

    why: str
    records: int = 0
    faults: int = 0


def try_connection(name: str, *, by: Actor, now: datetime, loopback: bool) -> ConnectionResult:
    """Read the first page of another hub, and record only whether that worked.

    raises: NotFoundError, NotAllowedError, RateLimitError.
    """
    rules.check_propose(by=by)
    row = reads.find(name)
    if not _TESTS.acquire(blocking=False):
        raise RateLimitError(
            "the hub tests other connections: try again in a few seconds", retry_after_s=15
        )
    try:
        endpoint = Endpoint(
            address=row.address,
            push_address=row.push_address,
            account=row.account,
            secret=encryption.decrypt_secret(row.secret),
            hub=reads.own_hub(),
            loopback=loopback,
        )
        until = time.monotonic() + TIMEOUT_S
        client = SourceClient(endpoint, until=until, now=now, after_s=0)
        page = PULLERS[ExchangeKind(row.kind)]({}, client=client, versions_of=_no_versions)
        result = ConnectionResult("", records=len(page.told), faults=len(page.faults))
    except (SourceError, LostSecretError) as error:
        result = ConnectionResult(str(error)[:300])
    finally:
        _TESTS.release()
    writes.note_test(name, why=result.why, by=by, now=now)
    return result


def _no_versions(keys: Iterable[str]) -> Mapping[str, str]:  # noqa: ARG001  # of a Puller
    """Return the known versions of records: none, so that a test reads the page as if new."""
    return {}
