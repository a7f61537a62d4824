# SPDX-License-Identifier: Apache-2.0
"""The pages that the bar leads to."""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from stemtide.hub.complaints.rules import check_read as check_read_complaints
from stemtide.hub.media.rules import check_see_counts
from stemtide.hub.parties.rules import COORDINATING, allows
from stemtide.hub.parties.rules_people import check_see_people
from stemtide.hub.webhooks.rules import check_look_after
from stemtide.protocol.words import PartyKind, Role

PAGES = (
    ("board", _("Board")),
    ("crises", _("Crises")),
    ("inbox", _("Inbox")),
    ("leads", _("Leads")),
    ("referrals", _("Referrals")),
    ("orders", _("Orders")),
    ("complaints", _("Complaints")),
    ("reports", _("Reports")),
    ("progress", _("Progress")),
    ("exchanges", _("Exchanges")),
    ("webhooks", _("Webhooks")),
    ("contacts", _("Contacts")),
    ("colleagues", _("People")),
    ("look-counts", _("Looks")),
    ("search", _("Search")),
)
"""Names of addresses, in the order of the bar. One that this hub does not have is left out."""

CHECKS: dict[str, Callable[[Role], None]] = {
    "colleagues": check_see_people,
    "complaints": check_read_complaints,
    "look-counts": check_see_counts,
    "webhooks": check_look_after,
}
"""Pages that a role may not open: the same rule opens them and shows the way there."""

WHOSE: dict[str, frozenset[PartyKind]] = {
    "inbox": frozenset({PartyKind.PROVIDER}),
    "exchanges": COORDINATING,
    "referrals": frozenset(PartyKind) - {PartyKind.PROVIDER},
    "orders": frozenset(PartyKind) - {PartyKind.PROVIDER},
}
"""Pages that some kinds of party alone are led to: what a provider was sent is in its inbox."""


@dataclass(frozen=True, slots=True)
class Place:
    """One page in the bar. is_here: the page that is shown is this one, or lies below it."""

    name: str
    title: str
    address: str
    is_here: bool


def places(path: str, *, role: Role, kind: PartyKind) -> list[Place]:
    """The pages, for a person in a role at a kind of party, and the page shown at a path."""
    found = []
    for name, title in PAGES:
        if name in CHECKS and not allows(CHECKS[name], role):
            continue
        if name in WHOSE and kind not in WHOSE[name]:
            continue
        there = address(name)
        if not there:
            continue
        is_here = path == there or (there != "/" and path.startswith(f"{there}/"))
        found.append(Place(name, str(title), there, is_here))
    return found


def address(name: str, *parts: object) -> str:
    """The address of a page; "" where this hub has none of that name."""
    try:
        return reverse(name, args=parts)
    except NoReverseMatch:
        return ""
