# SPDX-License-Identifier: Apache-2.0
"""Rules for taking parties in at the desk. Decision 0130."""

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.platform.permissions import check_person_may_manage
from stemtide.hub.rooms.parties.rules.standing import VOUCHED_FOR, Acting, check_oversees
from stemtide.protocol.enums import PartyKind


def waits_for_second_person(kind: PartyKind) -> bool:
    """Whether a party of a kind stays shut out until a second person agrees.

    Its word counts from the first moment: an authority that one person made up could confirm what
    the same person proposed as an agency.
    """
    return kind in VOUCHED_FOR


def check_take_in(*, by: Acting) -> None:
    """Refuse to add parties to all but coordinators of an agency, also to their keys."""
    check_oversees(by)
    check_person_may_manage(by.role)


def check_invite_first(*, has_people: bool, has_keys: bool, by: Acting) -> None:
    """Refuse to invite people into a party that somebody speaks for already.

    Otherwise an agency could speak as any party that it oversees.
    """
    check_take_in(by=by)
    if has_people or has_keys:
        raise ConflictError(
            "this party has people or keys of its own: ask its administrator to add people"
        )
