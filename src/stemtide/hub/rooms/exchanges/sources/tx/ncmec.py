# SPDX-License-Identifier: Apache-2.0
"""NCMEC's hash lists by the package's client: values to refuse, never signals. Decision 0218.

The client cuts time into windows until one is short enough, and says where it is after each page.

source: threatexchange 1.2 (NCMECHashAPI, NCMECSignalExchangeAPI); NCMEC, Hash Sharing API v2.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests  # noqa: TID251  # the package's clients use it
from threatexchange.exchanges.clients.ncmec.hash_api import (
    NCMECEntryUpdate,
    NCMECEnvironment,
    NCMECHashAPI,
)
from threatexchange.exchanges.impl.ncmec_api import NCMECCollabConfig, NCMECSignalExchangeAPI

from stemtide.hub.rooms.exchanges.sources.source import SourceClient, SourceError
from stemtide.hub.rooms.exchanges.sources.tx.package import PackageExchange
from stemtide.hub.rooms.exchanges.sources.tx.pull import deltas
from stemtide.hub.rooms.exchanges.sources.tx.session import open_session
from stemtide.hub.rooms.signals.refused_values import SIZES


class HashClient(NCMECHashAPI):
    """The package's client on our egress, at any address."""

    def __init__(
        self,
        username: str,
        password: str,
        *,
        address: str,
        open_session: Callable[[], requests.Session],
    ) -> None:
        super().__init__(username, password, NCMECEnvironment.Industry)
        self._base_url = address
        self._open_session = open_session

    def _get_session(self) -> requests.Session:
        session = self._open_session()
        session.auth = (self.username, self.password)
        return session


class HashExchange(NCMECSignalExchangeAPI):  # type: ignore[misc, unused-ignore]  # no types
    """The package's exchange with our client."""

    def __init__(self, client: HashClient) -> None:
        collab = NCMECCollabConfig(environment=NCMECEnvironment.Industry, name="")
        super().__init__(collab, client.username, client.password)
        self._client = client

    def get_client(self, _environment: object) -> HashClient:
        """Return the client."""
        return self._client


@dataclass(frozen=True, slots=True)
class EntryChanges:
    """Changes of entries, and the checkpoint after them.

    lines: by entry, as the file of refused values has them; none for an entry that was deleted.
    others: values that no file is compared with, by type. faults: values that are none.
    """

    lines: Mapping[str, tuple[str, ...]]
    checkpoint: dict[str, Any]
    others: Counter[str] = field(default_factory=Counter)
    faults: int = 0


def entry_changes(
    checkpoint: Mapping[str, Any] | None, *, client: SourceClient
) -> Iterator[EntryChanges]:
    """Yield changes from a checkpoint on. raises: SourceError."""
    endpoint = client.endpoint
    if not endpoint.account or not endpoint.secret:
        raise SourceError("it needs a user name and a password: give both")
    reader = HashClient(
        endpoint.account,
        endpoint.secret,
        address=endpoint.address,
        open_session=lambda: open_session(client, address=endpoint.address),
    )
    exchange = PackageExchange(HashExchange(reader), vocabulary="ncmec")
    for delta in deltas(exchange, exchange.load(checkpoint)):
        others: Counter[str] = Counter()
        lines = {key: _lines(entry, others=others) for key, entry in delta.updates.items()}
        faults = others.pop("", 0)
        yield EntryChanges(lines, exchange.dump(delta.checkpoint), others, faults)


def _lines(entry: NCMECEntryUpdate, *, others: Counter[str]) -> tuple[str, ...]:
    """Return an entry's values as lines of the file; count the others, faults under ""."""
    if entry.deleted:
        return ()
    lines = []
    for name, text in entry.fingerprints.items():
        kind, value = name.lower(), text.strip().lower()
        if kind not in SIZES:
            others[kind[:40]] += 1
        elif len(value) != 2 * SIZES[kind] or set(value) - set("0123456789abcdef"):
            others[""] += 1
        else:
            lines.append(f"{kind}:{value}")
    return tuple(lines)
