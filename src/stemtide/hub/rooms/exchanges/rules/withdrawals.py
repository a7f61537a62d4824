# SPDX-License-Identifier: Apache-2.0
"""Rules for the withdrawal of all that an exchange brought. Decision 0133."""

from dataclasses import dataclass

from stemtide.hub.platform.errors import ConflictError, NotAllowedError
from stemtide.hub.rooms.exchanges.rules.exchanges import check_manage
from stemtide.hub.rooms.parties.rules.standing import Acting
from stemtide.protocol.enums import Role


@dataclass(frozen=True, slots=True)
class BroughtFacts:
    """Facts of an exchange for the rules. live: signals that it brought.

    is_running: the last withdrawal goes on. withdrawn: signals that it withdrew. is_restored:
    somebody has asked to share these again. is_suspended: the party in whose name they are shared.
    """

    live: int
    is_running: bool = False
    withdrawn: int = 0
    is_restored: bool = False
    is_suspended: bool = False


def check_may_withdraw(by: Acting) -> None:
    """Refuse all but coordinators and keys of an agency."""
    check_manage(kind=by.kind)
    if by.role not in (None, Role.COORDINATOR):
        raise NotAllowedError(
            "your role ({role}) cannot withdraw all signals of an exchange: ask a coordinator of"
            " your party",
            role=by.role.replace("_", " ") if by.role else "",
        )


def check_withdraw_all(facts: BroughtFacts, *, shown: int) -> None:
    """Refuse a withdrawal of nothing, a second one, and one of more than was seen."""
    if facts.is_running:
        raise ConflictError("all its signals are being withdrawn: wait until that is done")
    if not facts.live:
        raise ConflictError("no signal of this exchange is live: there is nothing to withdraw")
    if shown != facts.live:
        raise ConflictError(
            "{count} of its signals are live now, and you saw {seen}: look again",
            count=facts.live,
            seen=shown,
        )


def check_restore(facts: BroughtFacts) -> None:
    """Refuse to share again what was not withdrawn, or twice."""
    if facts.is_running:
        raise ConflictError("all its signals are being withdrawn: wait until that is done")
    if not facts.withdrawn or facts.is_restored:
        raise ConflictError("its signals were not all withdrawn: there is nothing to share again")
    if facts.is_suspended:
        raise ConflictError("the party in whose name it shares is suspended: wait, or end that")
