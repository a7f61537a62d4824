# SPDX-License-Identifier: Apache-2.0
"""Marks of signals: what decides who may see them, for what is kept for several readers."""

from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.rules.signals import unpack_audience
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.handling import Tlp, may_receive

Marks = tuple[str, str, str]
"""TLP, audience as it is stored, and the name of the sharer."""


def may_see(marks: Marks, *, viewer: Party) -> bool:
    """Whether a party may see signals with these marks, as reads.signals.visible() filters them.

    One that exists for an exercise sees none: marks do not say which signals are real.
    """
    if viewer.exercise:
        return False
    tlp, audience, shared_by = marks
    return may_receive(
        viewer.name,
        PartyKind(viewer.kind),
        tlp=Tlp(tlp),
        audience=unpack_audience(audience),
        shared_by=shared_by,
    )
