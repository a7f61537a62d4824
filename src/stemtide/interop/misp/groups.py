# SPDX-License-Identifier: Apache-2.0
"""Read the sharing groups of a MISP: which organisations can read what is distributed to one.

A group is open if others can read it, too: it is roaming, a server of it stands for all of its
organisations, or its members are not shown. What is stated twice, or unclear, counts as open.

source: MISP's SharingGroupsController::index() and SharingGroup::authorizedIds().
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from stemtide.interop.misp.pulled import objects_in

MAX_GROUPS = 5_000
MAX_ORGANISATIONS = 2_000
"""Most groups of a list, and organisations of a group; a larger group counts as open."""

_MAX_DIGITS = 10


class GroupListError(ValueError):
    """The answer is no list of sharing groups; the message says why."""


@dataclass(frozen=True, slots=True)
class SharingGroup:
    """A sharing group of a MISP. number, uuid: its names there.

    organisations: those that can read; None if the group is open.
    """

    number: int
    uuid: UUID
    organisations: frozenset[UUID] | None


def read_groups(answered: object) -> dict[int, SharingGroup]:
    """Return the sharing groups in a list, by number; those that share a name are left out.

    raises: GroupListError.
    """
    listed = answered.get("response") if isinstance(answered, dict) else answered
    if not isinstance(listed, list):
        raise GroupListError("it is no list of sharing groups")
    if len(listed) > MAX_GROUPS:
        raise GroupListError(f"it has more than {MAX_GROUPS:,} sharing groups")
    groups = [group for entry in objects_in(listed) if (group := _read(entry)) is not None]
    numbers = Counter(group.number for group in groups)
    uuids = Counter(group.uuid for group in groups)
    return {
        group.number: group
        for group in groups
        if numbers[group.number] == 1 and uuids[group.uuid] == 1
    }


def _read(entry: dict[str, Any]) -> SharingGroup | None:
    """Return one group; None if it has no number or no UUID."""
    head = entry.get("SharingGroup")
    if not isinstance(head, dict):
        return None
    number, uuid = str(head.get("id")), uuid_of(head.get("uuid"))
    if uuid is None or not number.isdecimal() or len(number) > _MAX_DIGITS:
        return None
    servers = entry.get("SharingGroupServer")
    is_closed = (
        _is_unset(head.get("roaming"))
        and isinstance(servers, list)
        and all(
            isinstance(server, dict) and _is_unset(server.get("all_orgs")) for server in servers
        )
    )
    members = _organisations(entry.get("SharingGroupOrg")) if is_closed else None
    return SharingGroup(int(number), uuid, members)


def _organisations(listed: object) -> frozenset[UUID] | None:
    """Return the organisations of a group; None if one of them, or the list, cannot be read."""
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_ORGANISATIONS:
        return None
    uuids = set()
    for member in listed:
        organisation = member.get("Organisation") if isinstance(member, dict) else None
        uuid = uuid_of(organisation.get("uuid")) if isinstance(organisation, dict) else None
        if uuid is None:
            return None
        uuids.add(uuid)
    return frozenset(uuids)


def _is_unset(sent: object) -> bool:
    """Whether a MISP flag is off, in any of its spellings. One that is missing is not."""
    return sent is False or (sent is not None and str(sent).lower() in {"0", "false"})


def uuid_of(sent: object) -> UUID | None:
    """Return a UUID that was sent as text; None if it is none."""
    try:
        return UUID(sent) if isinstance(sent, str) else None
    except ValueError:
        return None
