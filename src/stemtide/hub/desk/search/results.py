# SPDX-License-Identifier: Apache-2.0
"""Results of the search, in groups by kind, as its pages show them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.labels import Words


class HitKind(StrEnum):
    """Kinds of results, in the order of the page."""

    PAGES = "pages"
    ORDERS = "orders"
    REFERRALS = "referrals"
    HOLDS = "holds"
    COMPLAINTS = "complaints"
    CRISES = "crises"
    CONTENT = "content"
    SIGNALS = "signals"
    LEADS = "leads"
    PARTIES = "parties"
    PEOPLE = "people"
    MESSAGES = "messages"


TITLES: dict[HitKind, Words] = {
    HitKind.PAGES: _("Pages and actions"),
    HitKind.ORDERS: _("Removal orders"),
    HitKind.REFERRALS: _("Referrals"),
    HitKind.HOLDS: _("Holds on referrals"),
    HitKind.COMPLAINTS: _("Complaints"),
    HitKind.CRISES: _("Crises"),
    HitKind.CONTENT: _("Content by title"),
    HitKind.SIGNALS: _("Signals"),
    HitKind.LEADS: _("Threat-to-life leads"),
    HitKind.PARTIES: _("Parties"),
    HitKind.PEOPLE: _("People"),
    HitKind.MESSAGES: _("Messages of situation logs"),
}


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One result. reason: why it matches.

    signal: its id if it is one, for acts on several of them.
    state, state_of: a value and the table of labels that names it (desk.labels).
    """

    title: str
    url: str
    reason: Words
    detail: str = ""
    at: datetime | None = None
    state: str = ""
    state_of: str = ""
    exercise: bool = False
    signal: UUID | None = None


@dataclass(frozen=True, slots=True)
class KindGroup:
    """Results of one kind. page: of those that come page by page; more: whether there is another.

    A group without pages has page 1 and no more.
    """

    kind: HitKind
    results: list[SearchHit] = field(default_factory=list)
    page: int = 1
    more: bool = False

    @property
    def title(self) -> Words:
        """Return the title of the kind."""
        return TITLES[self.kind]
