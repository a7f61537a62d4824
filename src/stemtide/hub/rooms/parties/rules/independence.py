# SPDX-License-Identifier: Apache-2.0
"""Rules for the second person of an act: whom the first one cannot be. Decision 0107.

1 Whoever adds a person, or resets their sign-in, holds the link and may use the account. Whoever
  makes a key may use the key. So does everybody who may use the account of that person.
2 Two accounts, or an account and a key, that one person may use are one person.
3 Another person, who is none of them, confirms that a person alone uses their account.
"""

from stemtide.hub.platform.errors import ConflictError, NotAllowedError
from stemtide.hub.platform.permissions import check_person_may_manage
from stemtide.hub.rooms.parties.rules.joining import check_take_in
from stemtide.hub.rooms.parties.rules.standing import Acting


def check_independent(first: frozenset[str], second: frozenset[str]) -> None:
    """Refuse a second person that the first one may be.

    first, second: each account or key, with all who may use it.
    """
    if first & second:
        raise NotAllowedError(
            "this needs a second person, and you count as the first one: one of you added the"
            " other, reset the other's sign-in or made the key. Ask somebody else, or have another"
            " person confirm the newer account on the page of people"
        )


def check_may_confirm(*, party: str, by: Acting) -> None:
    """Refuse confirming an account to all but who manages its party, or oversees parties.

    The coordinator of an agency does so for a party in which nobody else can.
    """
    if by.name == party:
        check_person_may_manage(by.role)
    else:
        check_take_in(by=by)


def check_confirm(*, is_waiting: bool, is_active: bool, has_joined: bool) -> None:
    """Refuse to confirm an account that counts already, or that nobody uses yet."""
    if not is_waiting:
        raise ConflictError("this account already counts as a person of its own")
    if not is_active or not has_joined:
        raise ConflictError("nobody has signed in with this account yet: wait until they have")
