# SPDX-License-Identifier: Apache-2.0
"""Rules of the second look at an order: which orders wait for it, and which are issued at once.

Decision 0115.
"""

from dataclasses import dataclass

from stemtide.protocol.enums.orders import AtOnce
from stemtide.protocol.trust.second_look import WaitReason


@dataclass(frozen=True, slots=True)
class IssueFacts:
    """The facts that decide whether an order waits for a second person.

    is_emergency:     it states an emergency and its ground.
    is_crisis_active: it belongs to a crisis that is active.
    is_repeated:      an order of the authority for one of its addresses was issued at once and
                      ended, because nobody confirmed it.
    is_alone:         the authority has nobody else who may confirm it.
    """

    is_emergency: bool = False
    is_crisis_active: bool = False
    is_repeated: bool = False
    is_alone: bool = False


def at_once(facts: IssueFacts) -> AtOnce | None:
    """Return why an order is issued before a second person has confirmed it; None if it waits.

    An order that nobody confirmed is not issued at once again: two hours would have no end.

    source: Regulation (EU) 2021/784 Art. 3(2) on emergencies.
    """
    if facts.is_repeated:
        return None
    if facts.is_emergency:
        return AtOnce.EMERGENCY
    return AtOnce.CRISIS if facts.is_crisis_active else None


def reasons(facts: IssueFacts) -> list[WaitReason]:
    """Return why an order needs a second look, which decides whose it may be."""
    return [WaitReason.LONE_AUTHORITY if facts.is_alone else WaitReason.BINDING_ORDER]
