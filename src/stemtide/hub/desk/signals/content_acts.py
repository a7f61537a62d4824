# SPDX-License-Identifier: Apache-2.0
"""Acts on content, each a way to a form that is filled in: refer, order, hold, invite, ask.

The page of a signal, of a cluster and of a crisis shows them. An act that a rule forbids is shown
with the reason.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.actions import why_not, why_not_yet
from stemtide.hub.desk.labels import Words
from stemtide.hub.desk.orders.drafts import check_issuer
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.crises.rules import crises as crisis_rules, participants
from stemtide.hub.rooms.crises.rules.crises import CrisisFacts
from stemtide.hub.rooms.parties.reads import contacts, parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.referrals.rules import holds, referrals
from stemtide.hub.rooms.referrals.rules.referrals import REFERRING
from stemtide.hub.rooms.situation.rules import situation
from stemtide.protocol.enums import MessageKind


@dataclass(frozen=True, slots=True)
class ActedContent:
    """Values that forms are filled in with. own: the signals that the reader's party shared.

    signals: the live ones. crisis: its id; None for none. language: the one that all signals with
    a stated language have; "" if there is none. sharers: names of the parties that shared
    them.
    """

    signals: tuple[UUID, ...] = ()
    own: tuple[UUID, ...] = ()
    crisis: UUID | None = None
    exercise: bool = False
    url: str = ""
    labels: tuple[str, ...] = ()
    language: str = ""
    sharers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContentAct:
    """A way to a form that is filled in. reason: why the reader cannot use it; "" if they can."""

    name: str
    title: Words
    address: str
    reason: str

    @property
    def key(self) -> str:
        """Return the key that follows the link; "" if the form on the page has one itself."""
        return _KEYS.get(self.name, "")


_KEYS = {"refer": "f", "order": "o", "hold": "h", "ask": "q"}
"""Keys that follow the links, by the names of the acts."""


MAX_SIGNALS = 50
"""Signals that an address names: more would be longer than a browser sends."""


def content_acts(content: ActedContent, *, by: Actor) -> list[ContentAct]:
    """Return the reader's acts on content, with a reason where one is not allowed."""
    requests = _requests(content, by=by) if by.kind in REFERRING else []
    return requests + (_in_room(content.crisis, content, by=by) if content.crisis else [])


def _requests(content: ActedContent, *, by: Actor) -> list[ContentAct]:
    """Return the requests that authorities and agencies may send to providers."""
    first = next(iter(content.signals), "")
    return [
        ContentAct(
            "refer",
            _("Refer it to a provider"),
            _address("referral-new", content, url=content.url, signals=content.signals),
            why_not(referrals.check_assess, kind=by.kind, role=by.role),
        ),
        ContentAct(
            "order",
            _("Order its removal"),
            _address("order-new", content, urls=content.url, signals=content.own),
            why_not(check_issuer, by),
        ),
        ContentAct(
            "hold",
            _("Ask for a hold"),
            _address("hold-new", content, url="" if first else content.url, signal=first),
            why_not(holds.check_place, kind=by.kind, role=by.role),
        ),
    ]


def _in_room(uid: UUID, content: ActedContent, *, by: Actor) -> list[ContentAct]:
    """Return the reader's acts in the crisis that the content belongs to."""
    facts = crises.facts_of(uid, viewer=by.party)
    if not crisis_rules.is_in_room(facts, by):
        return []
    log = situation.RoomFacts(is_open=facts.at.is_open, opened_by=facts.opened_by)
    question = {"kind": by.kind, "role": by.role, "message": MessageKind.QUESTION}
    query = {"kind": MessageKind.QUESTION.value}
    query |= {"signal": str(content.signals[0])} if content.signals else {}
    ways = [
        ContentAct(
            "ask",
            _("Ask about it in the log"),
            f"{reverse('crisis-log', args=[uid])}?{urlencode(query)}#write",
            why_not_yet(situation.check_post, log, **question),
        )
        if _is_for(situation.check_post, log, **question)
        else None,
        ContentAct(
            "invite",
            _("Invite parties"),
            _invitation(facts, content, uid=uid, by=by),
            why_not_yet(participants.check_invite, facts, by=by),
        )
        if _is_for(participants.check_invite, facts, by=by)
        else None,
    ]
    return [way for way in ways if way]


def _invitation(facts: CrisisFacts, content: ActedContent, *, uid: UUID, by: Actor) -> str:
    """Return the address of the form that invites, with the parties that the content names.

    These are its sharers, and the parties whose contact points are at the host of its address.
    """
    host = urlsplit(f"//{content.url}").hostname or ""  # the canonical spelling has no scheme
    at_host = contacts.parties_at(host, viewer=by.party) if host else []
    query = [
        ("invite", party.name)
        for party in parties.parties()
        if party.name in {*content.sharers, *at_host} and participants.is_to_invite(facts, party)
    ]
    text = f"?{urlencode(query[:MAX_SIGNALS])}" if query else ""
    return f"{reverse('crisis', args=[uid])}{text}#verb-invite-form"


def _is_for(check: Callable[..., None], /, *facts: object, **arguments: object) -> bool:
    """Whether the reader may do something, now or in another state of the thing."""
    return allows(check, *facts, **arguments) or bool(why_not_yet(check, *facts, **arguments))


def _address(name: str, content: ActedContent, **fields: str | UUID | Iterable[UUID]) -> str:
    """Return the address of a form with its fields filled in."""
    query: list[tuple[str, str]] = []
    for field, value in fields.items():
        values = (value,) if isinstance(value, str | UUID) else tuple(value)[:MAX_SIGNALS]
        text = " ".join(map(str, values))
        query += [(field, text)] if text else []
    query += [("labels", label) for label in content.labels if name == "referral-new"]
    if content.language and name == "referral-new":
        query.append(("language", content.language))
    query += [("crisis", str(content.crisis))] if content.crisis else []
    query += [("exercise", "1")] if content.exercise else []
    address = reverse(name)
    return f"{address}?{urlencode(query)}" if query else address
