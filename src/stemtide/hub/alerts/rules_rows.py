# SPDX-License-Identifier: Apache-2.0
"""What a row of the table of alerts can say: who is told, on what ways, and what ends it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stemtide.hub.alerts.rules import Channel, Urgency


class Who(StrEnum):
    """Who is told."""

    WARNED = "warned"
    """Agencies, and the authorities of the countries named."""
    CONCERNED = "concerned"
    """The authorities of the countries that the entry adds."""
    INVITED = "invited"
    """The parties that the entry names, and nobody else."""
    CONFIRMERS = "confirmers"
    """Authorities and agencies in the crisis' room: also the proposer's, for a colleague may."""
    ROOM = "room"
    """Those in the crisis' room."""
    LEADERS = "leaders"
    """Those in the crisis' room that lead it: authorities and agencies."""
    ADDRESSED = "addressed"
    """Those that a lead is addressed, copied or passed on to."""
    SHARER = "sharer"
    """The party that shared the signal."""
    READERS = "readers"
    """Those in the crisis' room that may see the signal."""
    COUNTERPARTS = "counterparts"
    """Agencies, and who opened the crisis: those who wanted the party to be told."""
    OWNER = "owner"
    """The party itself whose contact point fails, and agencies."""
    SIDES = "sides"
    """Who asked for content to go, and the provider that said it is gone."""


ALL = frozenset(Channel)
AT_THE_DESK = frozenset({Channel.PAGE})


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. on: ledger kinds that raise it; overtaken_by: those after which nobody needs it.

    of_self: overtaken by acts of the alerted party alone (an invitation by its own answer).
    answered_by: acts of the alerted party which show that somebody there knows of it.
    once:    not raised again to a party while one is open in which these parameters are the same:
             nobody drowns another in alerts.
    opinion, answer: what the entry must hold; "" where any will do.
    at_once: every step of the ladder is asked at the same moment, for the time is short.
    sealed:  between the sides of a request: no agency learns that it was not answered, or failed.
    mails_person: the person whom the entry is about gets a mail of their own, in other words.
    """

    who: Who
    urgency: Urgency
    on: frozenset[str]
    channels: frozenset[Channel] = ALL
    escalates: bool = False
    overtaken_by: frozenset[str] = frozenset()
    of_self: bool = False
    answered_by: frozenset[str] = frozenset()
    once: tuple[str, ...] = ()
    opinion: str = ""
    answer: str = ""
    at_once: bool = False
    sealed: bool = False
    mails_person: bool = False

    def fits(self, detail: Mapping[str, object]) -> bool:
        """Whether an entry holds what the row asks for."""
        asked = {"opinion": self.opinion, "answer": self.answer}
        return all(detail.get(name) == value for name, value in asked.items() if value)
