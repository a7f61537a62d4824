# SPDX-License-Identifier: Apache-2.0
"""Results of the search, in groups by kind, as its pages show them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.labels import Words


class Kind(StrEnum):
    """Kinds of results, in the order of the page."""

    PAGES = "pages"
    ORDERS = "orders"
    REFERRALS = "referrals"
    HOLDS = "holds"
    COMPLAINTS = "complaints"
    CRISES = "crises"
    SIGNALS = "signals"
    LEADS = "leads"
    PARTIES = "parties"
    PEOPLE = "people"
    MESSAGES = "messages"


TITLES: dict[Kind, Words] = {
    Kind.PAGES: _("Pages and actions"),
    Kind.ORDERS: _("Removal orders"),
    Kind.REFERRALS: _("Referrals"),
    Kind.HOLDS: _("Holds on referrals"),
    Kind.COMPLAINTS: _("Complaints"),
    Kind.CRISES: _("Crises"),
    Kind.SIGNALS: _("Signals"),
    Kind.LEADS: _("Leads to a threat to life"),
    Kind.PARTIES: _("Parties"),
    Kind.PEOPLE: _("People"),
    Kind.MESSAGES: _("Messages of situation logs"),
}


@dataclass(frozen=True, slots=True)
class Result:
    """One result. reason: why it matches.

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


@dataclass(frozen=True, slots=True)
class KindGroup:
    """Results of one kind. page: of those that come page by page; more: whether there is another.

    A group without pages has page 1 and no more.
    """

    kind: Kind
    results: list[Result] = field(default_factory=list)
    page: int = 1
    more: bool = False

    @property
    def title(self) -> Words:
        """Return the title of the kind."""
        return TITLES[self.kind]
