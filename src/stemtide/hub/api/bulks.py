# SPDX-License-Identifier: Apache-2.0
"""Limit each party to one large request at a time, for protocols other than the hub's API."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpRequest

from stemtide.hub.api.rate_limits import LARGE_BYTES
from stemtide.hub.rooms.ledger.writes.transactions import part
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals.writes.bulks import one_bulk
from stemtide.hub.rooms.signals.writes.signals import Turn

reading_alone = threading.Lock()
"""Held while the rows of a bulk are parsed. Python runs one thread at a time, and parsing 20,000
rows takes long: with several bulks at once, other requests would wait for all of them.
"""


@contextmanager
def bulk_slot(request: HttpRequest, caller: Caller) -> Iterator[Turn | None]:
    """Reserve the caller's only bulk slot while a large body is stored; do nothing for a small one.

    returns: opens the transactions of a large body; None for a small one.

    raises: RateLimitError if another bulk of the party is being stored.
    """
    if len(request.body) <= LARGE_BYTES:
        yield None
        return
    with one_bulk(caller.party):
        yield part
