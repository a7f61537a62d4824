# SPDX-License-Identifier: Apache-2.0
"""Ask a MISP for its sharing groups.

source: MISP's OpenAPI description; PyMISP's sharing_groups().
"""

from collections.abc import Mapping

from stemtide.egress.requests import OutboundRequest
from stemtide.hub.rooms.exchanges.rules import groups as rules
from stemtide.hub.rooms.exchanges.sources.source import (
    GroupsError,
    SourceClient,
    SourceError,
    read_json,
)
from stemtide.interop.misp.groups import MAX_GROUPS, GroupListError, SharingGroup, read_groups
from stemtide.interop.misp.pulled import AudienceOf


def audiences(client: SourceClient) -> AudienceOf | None:
    """Return a function from sharing groups to the parties in them; None without organisations.

    The groups are read once in a run, when the first event needs them.
    """
    parties = client.endpoint.organisations
    if not parties:
        return None

    def audience_of(numbers: frozenset[str]) -> tuple[str, ...]:
        if client.groups is None:
            client.groups = read(client, address=client.endpoint.address)
        return rules.audience_of(numbers, groups=client.groups, parties=parties)

    return audience_of


def read(client: SourceClient, *, address: str) -> Mapping[int, SharingGroup]:
    """Return the sharing groups that the hub's user sees, by number. raises: GroupsError."""
    headers = {"accept": "application/json", **client.signed(bare=True)}
    # Without a limit, MISP answers with the first 60.
    url = f"{address}/sharing_groups/index/limit:{MAX_GROUPS}"
    try:
        return read_groups(read_json(client.ask(OutboundRequest(url, headers=headers))))
    except (SourceError, GroupListError) as error:
        raise GroupsError(f"its sharing groups cannot be read: {error}") from error
