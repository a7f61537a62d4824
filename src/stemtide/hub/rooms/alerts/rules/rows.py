# SPDX-License-Identifier: Apache-2.0
"""The columns of the table of alerts: addressees, channels, and the entries that end an alert."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stemtide.hub.rooms.alerts.rules.alerts import Channel, Urgency


class Addressees(StrEnum):
    """The groups of parties that an alert can go to."""

    WARNED = "warned"
    """Agencies, and the authorities of the countries named."""
    CONCERNED = "concerned"
    """The authorities of the countries that the entry adds."""
    INVITED = "invited"
    """The parties that the entry names, and nobody else."""
    CONFIRMERS = "confirmers"
    """Authorities and agencies in the crisis; a colleague of the proposer may confirm."""
    ROOM = "room"
    """Parties in the crisis."""
    LEADERS = "leaders"
    """Authorities and agencies in the crisis."""
    ADDRESSED = "addressed"
    """Parties that a lead is addressed, copied or forwarded to."""
    SHARER = "sharer"
    """The party that shared the signal."""
    RESPONSIBLE = "responsible"
    """The party that shared the signal, agencies, and parties in its crisis that may see it."""
    READERS = "readers"
    """Parties in the crisis that may see the signal."""
    COUNTERPARTS = "counterparts"
    """Agencies, the crisis' opener and a request's sender: those who wanted the party to know."""
    OWNER = "owner"
    """The party whose contact point fails, and agencies."""
    COLLEAGUES = "colleagues"
    """The parties that the entry names, and colleagues of the person who acted."""
    SIDES = "sides"
    """The sender of a removal request, and the provider that reported the content as gone."""
    LOOKERS = "lookers"
    """The parties nearest to an act among those whose people may give it a second look."""
    AGENCIES = "agencies"
    """Agencies; a colleague of the person who acted may be the second person."""


ALL = frozenset(Channel)
AT_THE_DESK = frozenset({Channel.PAGE})


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One row of the table. on: ledger kinds that raise it; overtaken_by: those that end it.

    of_self: ended only by acts of the alerted party (an invitation by its own answer).
    of_subject: ended only by entries about the same thing, and not by others in its crisis.
    for_person: assigned to the person in the entry, if there is one.
    answered_by: acts of the alerted party that show that somebody there knows of the alert.
    once:    not raised again to a party while an open alert has the same values of these
             parameters, so that nobody can flood another with alerts.
    sums:    adds to the open alert of its kind instead of raising another: it then says how many
             things it is about, and by whom.
    opinion, answer, look: the value that the entry must have; "" for any.
    at_once: all steps of the ladder are contacted together, because time is short.
    sealed:  confidential to the two sides of a request: no agency learns of failures or silence.
    mails_person: the person in the entry gets a separate mail with its own text.
    reaches_suspended: goes to suspended parties too, because the law or the decision owes it them.
    """

    who: Addressees
    urgency: Urgency
    on: frozenset[str]
    channels: frozenset[Channel] = ALL
    escalates: bool = False
    overtaken_by: frozenset[str] = frozenset()
    of_self: bool = False
    of_subject: bool = False
    for_person: bool = False
    answered_by: frozenset[str] = frozenset()
    once: tuple[str, ...] = ()
    sums: bool = False
    opinion: str = ""
    answer: str = ""
    look: str = ""
    at_once: bool = False
    sealed: bool = False
    mails_person: bool = False
    reaches_suspended: bool = False

    def fits(self, detail: Mapping[str, object]) -> bool:
        """Whether an entry has the values that the row requires."""
        required = {"opinion": self.opinion, "answer": self.answer, "look": self.look}
        return all(detail.get(name) == value for name, value in required.items() if value)
