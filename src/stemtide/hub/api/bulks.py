# SPDX-License-Identifier: Apache-2.0
"""Bulks of other protocols: a large body that is written is its party's one bulk meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpRequest

from stemtide.hub.api.rates import LARGE_BYTES
from stemtide.hub.ledger.writes_parts import part
from stemtide.hub.parties.reads import Caller
from stemtide.hub.signals.writes import Turn
from stemtide.hub.signals.writes_bulks import one_bulk

reading_alone = threading.Lock()
"""Held while the rows of a bulk are read. Python runs one thread at a time, and reading 20,000 rows
is one long step: of several bulks at once, a share would have to wait for each of them."""


@contextmanager
def held(request: HttpRequest, caller: Caller) -> Iterator[Turn | None]:
    """Hold the caller's one place for a bulk while a large body is written; none for a small one.

    returns: what opens the transactions of a large body; None for a small one.

    raises: TooManyError where another bulk of the party is being written.
    """
    if len(request.body) <= LARGE_BYTES:
        yield None
        return
    with one_bulk(caller.party):
        yield part
