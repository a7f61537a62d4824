# SPDX-License-Identifier: Apache-2.0
"""The pages in the navigation bar."""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.hub.rooms.complaints.rules.complaints import check_read as check_read_complaints
from stemtide.hub.rooms.media.rules import check_may_see_counts
from stemtide.hub.rooms.parties.rules.parties import COORDINATING
from stemtide.hub.rooms.parties.rules.people import check_see_people
from stemtide.hub.rooms.webhooks.rules import check_may_manage
from stemtide.protocol.enums import PartyKind, Role

PAGES = (
    ("board", _("Board")),
    ("share", _("Share")),
    ("crises", _("Crises")),
    ("inbox", _("Inbox")),
    ("leads", _("Leads")),
    ("referrals", _("Referrals")),
    ("orders", _("Orders")),
    ("complaints", _("Complaints")),
    ("reports", _("Reports")),
    ("progress", _("Progress")),
    ("approvals", _("Second looks")),
    ("allowlist", _("Allow-list")),
    ("exchanges", _("Exchanges")),
    ("webhooks", _("Webhooks")),
    ("parties", _("Parties")),
    ("contacts", _("Contacts")),
    ("colleagues", _("People")),
    ("look-counts", _("Previews opened")),
    ("search", _("Search")),
)
"""URL names and titles, in the order of the bar. Names without a URL are left out."""

CHECKS: dict[str, Callable[[Role], None]] = {
    "colleagues": check_see_people,
    "complaints": check_read_complaints,
    "look-counts": check_may_see_counts,
    "share": check_person_may_write,
    "webhooks": check_may_manage,
}
"""Pages that some roles may not open: the same rule guards the page and its link."""

KINDS_OF_PARTY: dict[str, frozenset[PartyKind]] = {
    "inbox": frozenset({PartyKind.PROVIDER}),
    "exchanges": COORDINATING,
    "share": frozenset(PartyKind) - {PartyKind.OBSERVER},
    "parties": frozenset({PartyKind.AGENCY}),
    "referrals": frozenset(PartyKind) - {PartyKind.PROVIDER},
    "orders": frozenset(PartyKind) - {PartyKind.PROVIDER},
}
"""Pages that only some kinds of party see in the bar: a provider has its inbox instead."""


@dataclass(frozen=True, slots=True)
class NavigationLink:
    """One page in the bar. is_here: the current page is this one, or is below it."""

    name: str
    title: str
    address: str
    is_here: bool


def navigation_links(path: str, *, role: Role, kind: PartyKind) -> list[NavigationLink]:
    """Return the pages for a role and a kind of party; path: of the current page."""
    links = []
    for name, title in PAGES:
        if name in CHECKS and not allows(CHECKS[name], role):
            continue
        if name in KINDS_OF_PARTY and kind not in KINDS_OF_PARTY[name]:
            continue
        url = address(name)
        if not url:
            continue
        is_here = path == url or (url != "/" and path.startswith(f"{url}/"))
        links.append(NavigationLink(name, str(title), url, is_here))
    return links


def address(name: str, *parts: object) -> str:
    """Return the URL of a page; "" if this hub has no page of that name."""
    try:
        return reverse(name, args=parts)
    except NoReverseMatch:
        return ""
