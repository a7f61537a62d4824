# SPDX-License-Identifier: Apache-2.0
"""The hash list of Tech Against Terrorism (TCAP) by the package's client.

The package's exchange keeps PDQ hashes and MD5 digests of films. We read the same pages of its
client, and keep the other digests and the ideology, too. The client signs in for each page.

source: threatexchange 1.2 (TATHashListAPI).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import requests  # noqa: TID251  # the package's clients use it
from threatexchange.exchanges.clients.techagainstterrorism.api import (
    TATHashListAPI,
    TATHashListEntry,
)
from threatexchange.exchanges.fetch_state import (
    FetchDelta,
    FetchedSignalMetadata,
    SignalOpinion,
    SignalOpinionCategory,
)
from threatexchange.exchanges.impl.techagainstterrorism_api import (
    TATCheckpoint,
    TATSignalExchangeAPI,
)

from stemtide.hub.rooms.exchanges.sources.source import SourceClient, SourceError
from stemtide.hub.rooms.exchanges.sources.tx.package import PackageExchange
from stemtide.hub.rooms.exchanges.sources.tx.session import open_session
from stemtide.interop.exchanges import RecordError
from stemtide.interop.threatexchange.pulled import key_of

_FIELDS = frozenset(field.name for field in fields(TATHashListEntry))


class HashListClient(TATHashListAPI):
    """The package's client on our egress, which leaves out entries that it cannot read."""

    def __init__(
        self,
        username: str,
        password: str,
        *,
        address: str,
        open_session: Callable[[], requests.Session],
    ) -> None:
        super().__init__(username, password)
        self.BASE_URL = f"{address}/"  # type: ignore[misc, unused-ignore]
        self._open_session = open_session
        self.faults: list[RecordError] = []

    @contextmanager
    def _get_session(self, auth_token: str | None = None) -> Iterator[requests.Session]:
        with self._open_session() as session:
            if auth_token:
                session.headers["Authorization"] = f"Bearer {auth_token}"
            yield session

    def _get(
        self, full_url: str | None = None, auth_token: str | None = None, **params: object
    ) -> dict[str, Any]:
        page = super()._get(full_url, auth_token, **params)
        if not isinstance(page, dict) or not isinstance(page.get("results"), list):
            raise SourceError("its answer is no page of hashes")
        readable = [entry for entry in map(self._readable, page["results"]) if entry is not None]
        return {**page, "results": readable}

    def _readable(self, entry: Any) -> dict[str, Any] | None:  # noqa: ANN401  # JSON of any shape
        """Return the fields of an entry that the package knows; None if one is missing or wrong."""
        sent = entry if isinstance(entry, dict) else {}
        values = {name: sent[name] for name in _FIELDS & sent.keys()}
        texts = (values.get("algorithm"), values.get("hash_digest"))
        if values.keys() == _FIELDS and all(isinstance(text, str) for text in texts):
            return values
        name, value = map(str, texts)
        self.faults.append(RecordError(key_of(name, value), "is no hash that can be read"))
        return None


@dataclass
class HashMetadata(FetchedSignalMetadata):  # type: ignore[misc, unused-ignore]  # no types
    """What the list states of a hash, which its analysts have verified."""

    ideology: str

    def get_as_opinions(self) -> list[SignalOpinion]:
        """Return the opinion of the list."""
        tags = {f"ideology:{self.ideology}"}
        return [SignalOpinion(False, SignalOpinionCategory.POSITIVE_CLASS, tags)]


class HashList(TATSignalExchangeAPI):  # type: ignore[misc, unused-ignore]  # no types
    """The package's exchange with all digests and their ideologies."""

    def __init__(self, client: HashListClient) -> None:
        super().__init__(client.username, client.password)
        self._client = client

    def fetch_iter(
        self, _supported_signal_types: object, checkpoint: TATCheckpoint | None
    ) -> Iterator[Any]:
        """Yield the changes of each page of the list."""
        after = "" if checkpoint is None else checkpoint.checkpoint
        for page in self._client.fetch_hashes_iter(after):
            if page.checkpoint:
                checkpoint = TATCheckpoint(str(page.checkpoint))
            updates = {
                (entry.algorithm, entry.hash_digest): (
                    None if entry.deleted else HashMetadata(str(entry.ideology))
                )
                for entry in page.results
            }
            yield FetchDelta(updates, checkpoint)


def open_exchange(client: SourceClient) -> PackageExchange:
    """Return the hash list as the source of a run. raises: SourceError."""
    endpoint = client.endpoint
    if not endpoint.account or not endpoint.secret:
        raise SourceError("it needs a user name and a password: give both")
    reader = HashListClient(
        endpoint.account,
        endpoint.secret,
        address=endpoint.address,
        open_session=lambda: open_session(client, address=endpoint.address),
    )
    return PackageExchange(HashList(reader), vocabulary="tcap", faults=reader.faults)
