# SPDX-License-Identifier: Apache-2.0
"""Pages and actions that the search finds by name, as far as the reader may open them."""

from collections.abc import Callable

from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk import navigation
from stemtide.hub.desk.labels import Words
from stemtide.hub.desk.orders.drafts import is_issuer
from stemtide.hub.desk.search.results import SearchHit
from stemtide.hub.platform.permissions import allows, check_person_may_manage
from stemtide.hub.rooms.complaints.rules import complaints as complaint_rules
from stemtide.hub.rooms.crises.rules import crises as crisis_rules
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import joining as joining_rules
from stemtide.hub.rooms.referrals.rules import (
    batches as batch_rules,
    holds as hold_rules,
    referrals as referral_rules,
)
from stemtide.hub.rooms.situation.rules import leads as lead_rules

ACTIONS: dict[str, tuple[Words, Callable[[Actor], bool]]] = {
    "crisis-new": (
        _("New early warning"),
        lambda by: allows(crisis_rules.check_warn, by=by),
    ),
    "order-new": (_("New removal order"), is_issuer),
    "referral-new": (
        _("New referral"),
        lambda by: allows(referral_rules.check_assess, kind=by.kind, role=by.role),
    ),
    "batch-new": (
        _("New batch of referrals"),
        lambda by: allows(batch_rules.check_open, kind=by.kind, role=by.role),
    ),
    "hold-new": (
        _("New hold"),
        lambda by: allows(hold_rules.check_place, kind=by.kind, role=by.role),
    ),
    "lead-new": (
        _("Report a threat to life"),
        lambda by: allows(lead_rules.check_report, kind=by.kind, role=by.role),
    ),
    "complaint-new": (
        _("New complaint"),
        lambda by: allows(complaint_rules.check_link, kind=by.kind, role=by.role),
    ),
    "party-new": (_("Add a party"), lambda by: allows(joining_rules.check_take_in, by=by)),
    "key-new": (_("Create a key"), lambda by: allows(check_person_may_manage, by.role)),
    "document-verify": (_("Check a document"), lambda _by: True),
    "own-contacts": (_("Contact points of your party"), lambda _by: True),
    "drills": (_("Drills"), lambda _by: True),
    "own-signals": (_("Signals of your party"), lambda _by: True),
    "holds": (
        _("Holds on referrals"),
        lambda by: allows(hold_rules.check_place, kind=by.kind, role=by.role),
    ),
}
"""Pages that are not in the menu, by URL name: their titles, and who may open them."""


def by_words(words: str, *, by: Actor) -> list[SearchHit]:
    """Return the pages in whose titles each word begins a word; all of them for no words."""
    starts = words.casefold().split()
    return [
        SearchHit(title=title, url=url, reason=_("Page"))
        for title, url in _pages(by).items()
        if all(any(word.startswith(start) for word in title.casefold().split()) for start in starts)
    ]


def _pages(by: Actor) -> dict[str, str]:
    """Return the address of each page that a person may open, by title: those of the menu first."""
    if by.role is None:
        return {}
    groups = navigation.menu("", role=by.role, kind=by.kind)
    pages = {page.title: page.address for group in groups for page in group.pages}
    for name, (title, may_open) in ACTIONS.items():
        if may_open(by):
            pages.setdefault(str(title), navigation.address(name))
    return pages
