# SPDX-License-Identifier: Apache-2.0
"""Meta's ThreatExchange by the package's client: the updates of one privacy group.

1 The address ends with the number of the group; the secret is the token of our app.
2 A record that the client cannot read is left out and named; it would end the whole page.
3 The client does not ask who may have a descriptor. We ask, and put it into a tag of TLP: a group's
  own descriptors are AMBER or stricter, those for named members AMBER+STRICT.

source: threatexchange 1.2 (ThreatExchangeAPI); Meta, ThreatExchange reference, threat_updates,
ThreatDescriptor, ShareLevelType, PrivacyType.
"""

from collections.abc import Callable
from typing import Any

import requests  # noqa: TID251  # the package's clients use it
from threatexchange.exchanges.clients.fb_threatexchange.api import (
    ThreatExchangeAPI,
    is_valid_app_token,
)
from threatexchange.exchanges.clients.fb_threatexchange.threat_updates import ThreatUpdateJSON
from threatexchange.exchanges.impl.fb_threatexchange_api import (
    FBThreatExchangeCollabConfig,
    FBThreatExchangeIndicatorRecord,
    FBThreatExchangeSignalExchangeAPI,
)

from stemtide.hub.rooms.exchanges.sources.source import (
    SourceClient,
    SourceError,
    decode_json,
)
from stemtide.hub.rooms.exchanges.sources.tx.package import PackageExchange
from stemtide.hub.rooms.exchanges.sources.tx.session import open_session
from stemtide.interop.exchanges import RecordError
from stemtide.interop.threatexchange.pulled import key_of
from stemtide.protocol.handling import Tlp

TLP_OF = {"RED": Tlp.RED, "AMBER": Tlp.AMBER_STRICT, "GREEN": Tlp.GREEN, "WHITE": Tlp.CLEAR}
"""TLP of each share level. AMBER there is for the receiver's own organisation alone."""

VISIBLE_TO_ALL, NAMED_MEMBERS = "VISIBLE", "HAS_WHITELIST"
"""Types of privacy: of everybody at ThreatExchange, and of named members only."""

MOST_UNREADABLE = 20
"""Pages in a row without an update that can be read, after which a run ends with this reason."""

NO_UPDATE = "empty update?"
"""What the package asserts if a page has no update."""


class GraphClient(ThreatExchangeAPI):
    """The package's client on our egress, which keeps who may have a descriptor."""

    def __init__(
        self, token: str, *, address: str, open_session: Callable[[], requests.Session]
    ) -> None:
        super().__init__(token, endpoint_override=address)
        self._open_session = open_session
        self.faults: list[RecordError] = []
        self.has_more = False

    def _get_session(self) -> requests.Session:
        return self._open_session()

    def get_json_from_url(
        self,
        url: str,
        params: dict[str, Any] | None = None,
        *,
        json_obj_hook: Callable[..., Any] | None = None,  # noqa: ARG002  # of the package
    ) -> dict[str, Any]:
        """Return the JSON of a page, with its updates as the package can read them.

        Pages without one that it can read are passed over, as the package would stop there.

        raises: SourceError.
        """
        for _ in range(MOST_UNREADABLE):
            answer = self._page(url, params or {})
            following = answer["paging"].get("next")
            if answer["data"] or not following:
                self.has_more = bool(following)
                return answer
            url, params = str(following), {}
        raise SourceError(f"{MOST_UNREADABLE} pages in a row have no update that can be read")

    def _page(self, url: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON of one page, without the updates that the package cannot read."""
        with self._get_session() as session:
            response = session.get(url, params=params)
        answer = decode_json(response.content)
        updates = answer.get("data", []) if isinstance(answer, dict) else None
        paging = answer.get("paging") or {} if isinstance(answer, dict) else {}
        if not isinstance(updates, list) or not isinstance(paging, dict):
            raise SourceError("its answer is no page of updates")
        readable = [update for update in updates if self._is_readable(update)]
        for update in readable:
            _mark(update)
        return {**answer, "data": readable, "paging": paging}

    def get_threat_updates(self, privacy_group: int, **options: Any) -> Any:  # noqa: ANN401
        """Return the pages of updates, with the fields that say who may have a descriptor."""
        marks = "descriptors{id,share_level,privacy_type,"
        fields = [field.replace("descriptors{", marks) for field in options.pop("fields")]
        return super().get_threat_updates(privacy_group, fields=fields, **options)

    def _is_readable(self, update: Any) -> bool:  # noqa: ANN401  # JSON of any shape
        """Whether the package can read an update; if not, its error is readable."""
        try:
            read = ThreatUpdateJSON(update)
            int(read.time)
            names = (read.threat_type, read.indicator)
            FBThreatExchangeIndicatorRecord.from_threatexchange_json(self.app_id, read)
            if not all(isinstance(name, str) for name in names):
                raise TypeError  # noqa: TRY301  # one end for all that is wrong
        except Exception as error:  # noqa: BLE001  # whatever a stranger's record lacks
            fields = update if isinstance(update, dict) else {}
            key = key_of(str(fields.get("type")), str(fields.get("indicator")))
            words = f"is no update that can be read ({type(error).__name__})"
            self.faults.append(RecordError(key, words))
            return False
        return True


def _mark(update: dict[str, Any]) -> None:
    """Add to each descriptor's tags the TLP of who may have it."""
    for descriptor in update.get("descriptors", {}).get("data", []):
        share, privacy = descriptor.get("share_level"), descriptor.get("privacy_type")
        marks = {TLP_OF.get(str(share).upper(), Tlp.AMBER)}
        if privacy != VISIBLE_TO_ALL:
            marks.add(Tlp.AMBER_STRICT if privacy == NAMED_MEMBERS else Tlp.AMBER)
        tags = descriptor.get("tags") or []
        texts = [tag["text"] for tag in tags["data"]] if isinstance(tags, dict) else list(tags)
        descriptor["tags"] = [*texts, *(f"tlp:{mark}" for mark in sorted(marks))]


def open_graph(client: SourceClient, *, address: str) -> tuple[GraphClient, int]:
    """Return the client of an exchange, and its privacy group. raises: SourceError."""
    endpoint = client.endpoint
    address, _, group = address.rpartition("/")
    if not is_valid_app_token(endpoint.secret):
        raise SourceError("its secret is no token of an app: give APP-ID|APP-SECRET")
    return GraphClient(
        endpoint.secret,
        address=address,
        open_session=lambda: open_session(client, address=address),
    ), int(group)


def open_exchange(client: SourceClient) -> PackageExchange:
    """Return ThreatExchange as the source of a run. raises: SourceError."""
    graph, group = open_graph(client, address=client.endpoint.address)
    collab = FBThreatExchangeCollabConfig(name="", privacy_group=group)
    return PackageExchange(
        FBThreatExchangeSignalExchangeAPI(graph, collab),
        vocabulary="threatexchange",
        faults=graph.faults,
        # The package asserts that no page is empty, though that of a group without updates is.
        is_over=lambda error: str(error) == NO_UPDATE and not graph.has_more,
    )
