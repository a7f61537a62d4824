# SPDX-License-Identifier: Apache-2.0
"""The buttons below a list in which signals are selected."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.labels import Words
from stemtide.hub.desk.selection.acts import BULK_ACTS
from stemtide.hub.platform.permissions import WRITING_ROLES
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.referrals.rules.referrals import REFERRING
from stemtide.protocol.enums import PartyKind


@dataclass(frozen=True, slots=True)
class SelectionButton:
    """One button. name: of the act. is_request: it leads to a form of its own."""

    name: str
    title: Words
    is_request: bool = False


_REQUESTS = (
    SelectionButton("refer", _("Refer"), is_request=True),
    SelectionButton("order", _("Order removal"), is_request=True),
    SelectionButton("hold", _("Ask for a hold"), is_request=True),
)


def offered(by: Actor) -> list[SelectionButton]:
    """Return the acts that a reader may ask for; none to one whose role only reads.

    Which signals an act is refused for, the next page says.
    """
    if by.role not in WRITING_ROLES or by.kind is PartyKind.OBSERVER:
        return []
    acts = [SelectionButton(act.name, act.button) for act in BULK_ACTS.values() if act.is_offered]
    return acts + (list(_REQUESTS) if by.kind in REFERRING else [])
