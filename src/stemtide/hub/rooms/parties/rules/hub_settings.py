# SPDX-License-Identifier: Apache-2.0
"""Rules for who changes settings at the desk: two coordinators of agencies. Decision 0126."""

from datetime import datetime

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.permissions import check_person_may_manage
from stemtide.hub.rooms.parties.rules.proposals import check_another_confirms
from stemtide.hub.rooms.parties.rules.standing import Acting, check_oversees


def check_propose(*, by: Acting) -> None:
    """Refuse all but coordinators of an agency, also keys."""
    check_oversees(by)
    check_person_may_manage(by.role)


def check_decide(*, proposed: int | None, expires_at: datetime | None, now: datetime) -> None:
    """Refuse to decide on a proposal that was decided or has expired.

    raises: NotFoundError.
    """
    if proposed is None or expires_at is None or expires_at <= now:
        raise NotFoundError("this proposal was decided or has expired: propose it again")


def check_confirm(*, author: str, by: Acting) -> None:
    """Refuse to confirm one's own proposal: a limit holds for everybody."""
    check_propose(by=by)
    check_another_confirms(author, by=by)
