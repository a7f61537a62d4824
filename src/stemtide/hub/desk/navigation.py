# SPDX-License-Identifier: Apache-2.0
"""The menu: at most seven entries, each with the pages of one subject."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.labels import Words
from stemtide.hub.platform.permissions import (
    allows,
    check_may_manage_signing_keys,
    check_may_manage_webhooks,
    check_may_read_complaints,
    check_may_read_ledger_by_person,
    check_may_see_people,
    check_may_see_preview_counts,
    check_may_see_rights_requests,
    check_may_stop_erasure,
    check_person_may_manage,
    check_person_may_write,
)
from stemtide.hub.rooms.parties.rules.parties import COORDINATING
from stemtide.protocol.enums import PartyKind, Role

PAGES: dict[str, Words] = {
    "board": _("Board"),
    "to-do": _("To do"),
    "alerts": _("Alerts"),
    "approvals": _("Second looks"),
    "share": _("Share"),
    "crises": _("Crises"),
    "leads": _("Leads"),
    "reports": _("Reports"),
    "exercises": _("Exercises"),
    "inbox": _("Inbox"),
    "referrals": _("Referrals"),
    "orders": _("Orders"),
    "complaints": _("Complaints"),
    "rechecks": _("Re-checks"),
    "progress": _("Progress"),
    "contacts": _("Contacts"),
    "parties": _("Parties"),
    "exchanges": _("Exchanges"),
    "allowlist": _("Allow-list"),
    "propagation": _("Propagation"),
    "you": _("Your account"),
    "preferences": _("Preferences"),
    "colleagues": _("People"),
    "keys": _("Keys"),
    "signing-keys": _("Signing keys"),
    "webhooks": _("Webhooks"),
    "hub-settings": _("Hub settings"),
    "look-counts": _("Previews opened"),
    "retention": _("Retention"),
    "rights-requests": _("Data subjects"),
    "ledger": _("Ledger"),
    "records": _("Records"),
}
"""Titles of pages by URL name. Names without a URL are left out of the menu."""

GROUPS: dict[str, tuple[Words, tuple[str, ...]]] = {
    "board": (_("Board"), ("board",)),
    "to-do": (_("To do"), ("to-do", "alerts", "approvals")),
    "share": (_("Share"), ("share",)),
    "crises": (_("Crises"), ("crises", "leads", "reports", "exercises")),
    "requests": (
        _("Requests"),
        ("inbox", "referrals", "orders", "complaints", "rechecks", "progress"),
    ),
    "network": (_("Network"), ("contacts", "parties", "exchanges", "allowlist", "propagation")),
    "settings": (
        _("Settings"),
        (
            *("you", "preferences", "colleagues", "keys", "signing-keys", "webhooks"),
            *("hub-settings", "look-counts", "retention", "rights-requests", "ledger", "records"),
        ),
    ),
}
"""Entries of the menu, with their pages. An entry leads to the first page that its reader has."""

CHECKS: dict[str, Callable[[Role], None]] = {
    "colleagues": check_may_see_people,
    "complaints": check_may_read_complaints,
    "keys": check_person_may_manage,
    "look-counts": check_may_see_preview_counts,
    "retention": check_may_stop_erasure,
    "rights-requests": check_may_see_rights_requests,
    "ledger": check_may_read_ledger_by_person,
    "records": check_may_stop_erasure,
    "share": check_person_may_write,
    "signing-keys": check_may_manage_signing_keys,
    "webhooks": check_may_manage_webhooks,
}
"""Pages that some roles may not open: the same rule guards the page and its link."""

KINDS_OF_PARTY: dict[str, frozenset[PartyKind]] = {
    "inbox": frozenset({PartyKind.PROVIDER}),
    "exchanges": COORDINATING,
    "share": frozenset(PartyKind) - {PartyKind.OBSERVER},
    "signing-keys": frozenset(PartyKind) - {PartyKind.OBSERVER},
    "parties": frozenset({PartyKind.AGENCY}),
    "hub-settings": frozenset({PartyKind.AGENCY}),
    "referrals": frozenset(PartyKind) - {PartyKind.PROVIDER},
    "orders": frozenset(PartyKind) - {PartyKind.PROVIDER},
}
"""Pages that only some kinds of party see in the menu: a provider has its inbox instead."""

BELOW: dict[str, tuple[str, ...]] = {
    "alerts": ("/deliveries", "/drills"),
    "crises": ("/signals",),
    "parties": ("/disputes",),
}
"""Other paths that belong to a page of the menu."""


@dataclass(frozen=True, slots=True)
class NavigationLink:
    """A page in the menu. is_here: the current page is this page, or is below it."""

    name: str
    title: str
    address: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class MenuGroup:
    """An entry of the menu, with the pages that its reader may open."""

    name: str
    title: str
    pages: list[NavigationLink]

    @property
    def address(self) -> str:
        """Return the address of the entry: that of its first page."""
        return self.pages[0].address

    @property
    def is_here(self) -> bool:
        """Whether the current page is one of the group."""
        return any(page.is_here for page in self.pages)


def menu(path: str, *, role: Role, kind: PartyKind) -> list[MenuGroup]:
    """Return the entries for a role and a kind of party; path: of the current page."""
    groups = []
    for group, (title, names) in GROUPS.items():
        open_names = [name for name in names if may_open(name, role=role, kind=kind)]
        here = _longest_match(path, open_names)
        pages = [
            NavigationLink(name, str(PAGES[name]), _menu_address(name), is_here=name == here)
            for name in open_names
        ]
        if pages:
            groups.append(MenuGroup(group, str(title), pages))
    return groups


def address(name: str, *parts: object) -> str:
    """Return the URL of a page; "" if this hub has no page of that name."""
    try:
        return reverse(name, args=parts)
    except NoReverseMatch:
        return ""


@cache
def _menu_address(name: str) -> str:
    """Return the URL of a page of the menu; kept, because each page asks for all of them."""
    return address(name)


def may_open(name: str, *, role: Role, kind: PartyKind) -> bool:
    """Whether the menu shows a page to a role in a kind of party."""
    if name in CHECKS and not allows(CHECKS[name], role):
        return False
    return kind in KINDS_OF_PARTY.get(name, PartyKind) and bool(_menu_address(name))


def _longest_match(path: str, names: list[str]) -> str:
    """Return the page that a path belongs to; "" if it belongs to none of them."""
    matches = [
        (len(prefix), name)
        for name in names
        for prefix in (_menu_address(name), *BELOW.get(name, ()))
        if path == prefix or (prefix != "/" and path.startswith(f"{prefix.rstrip('/')}/"))
    ]
    return max(matches, default=(0, ""))[1]
