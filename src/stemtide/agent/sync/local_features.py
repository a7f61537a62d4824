# SPDX-License-Identifier: Apache-2.0
"""Take local features of signals from the hub, and check them as the hub does.

An older hub has none, and a hub gives them to providers alone. Neither stops the feed.
"""

import asyncio
import logging

from stemtide.agent.hub.client import Client
from stemtide.agent.store.database import Store
from stemtide.client import DeclinedError, NotFoundError, RefusedError
from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.values.local import check_shared
from stemtide.protocol.sync.local_features import LocalEntry, LocalPage

logger = logging.getLogger(__name__)


async def take_local_features(client: Client, store: Store) -> str:
    """Store all that the hub has and the agent lacks; return why it gives none, or "".

    raises: HubError if the hub cannot be reached, or answers nonsense.
    """
    while True:
        after = await asyncio.to_thread(store.places_after)
        try:
            page = await client.local_features(after)
        except NotFoundError:
            return "the hub has no local features of signals: it is older than this agent"
        except (DeclinedError, RefusedError) as error:
            return f"the hub gives this agent no local features of signals: {error}"
        if page.head < after:  # the hub was restored from a backup
            await asyncio.to_thread(store.forget_places)
            continue
        if page.next > after:
            await asyncio.to_thread(_put, store, page)
        if not page.more or page.next <= after:
            return ""


def _put(store: Store, page: LocalPage) -> None:
    values = [(entry.number, str(entry.signal), _value_of(entry)) for entry in page.entries]
    store.put_places(values, after=page.next)


def _value_of(entry: LocalEntry) -> bytes | None:
    """Return local features that may be compared; None if there are none, or they are malformed."""
    if entry.value is None:
        return None
    try:
        value = bytes.fromhex(entry.value)
        check_shared(value)
    except (FingerprintError, ValueError) as error:
        logger.warning("local features of signal %s are left out: %s", entry.signal, error)
        return None
    return value
