# SPDX-License-Identifier: Apache-2.0
"""Who is offered to share, by the rules that the share page enforces."""

from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.rules.signals import check_share


def may_share(by: Actor) -> bool:
    """Whether a person may share for their party."""
    return allows(check_person_may_write, by.role) and allows(check_share, kind=by.kind)
