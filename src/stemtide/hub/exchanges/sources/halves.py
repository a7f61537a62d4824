# SPDX-License-Identifier: Apache-2.0
"""Sends parcels to a server that takes all of a message or none, so that one cannot block others.

A message that is refused as wrong is halved, until what is wrong stands alone; the others go.
Where none goes, that says little of single ones: the server itself may be at fault.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TypeAlias

from stemtide.hub.exchanges.sources.port import (
    AllRefusedError,
    Asking,
    Parcel,
    RefusedError,
    SourceError,
)

UNPROCESSABLE = 422
WRONG = frozenset({400, 413, UNPROCESSABLE})
"""Statuses that say that a message is wrong, or too large. Others of 4xx speak of us.

source: RFC 9110, sections 15.5.1, 15.5.14 and 15.5.21.
"""

PROVEN_AFTER = timedelta(hours=12)
"""How long what is new must be refused, where nothing new is taken, before that counts.

Somebody can mend a proxy in half a day.
"""

Send: TypeAlias = Callable[[Sequence[Parcel]], dict[int, str]]
"""Sends some parcels; what was said of each: words of a refusal, "" where it was taken."""


def in_halves(groups: Iterable[Sequence[Parcel]], *, send: Send, asking: Asking) -> dict[int, str]:
    """Send groups of parcels, one after another; of what is refused as wrong, each half apart.

    Once something is known it is returned, whatever ends the sending: time, or trouble, which
    meets the next try as well.

    That withdrawals are taken says nothing of what is new, which may go to another address.

    raises: SourceError where nothing is known; AllRefusedError where of what is new nothing but
    refusals is, and not for long.
    """
    told: dict[int, str] = {}
    alone: list[Parcel] = []
    trouble: SourceError | None = None
    is_answered = False
    waiting = [group for group in groups if group][::-1]
    while waiting and not (told and asking.is_over):
        some = waiting.pop()
        try:
            said = send(some)
            told |= said
            is_answered |= any(one.pk in said and not one.is_back for one in some)
        except SourceError as error:
            trouble = error
            if not isinstance(error, RefusedError) or error.status not in WRONG:
                break
            if len(some) == 1:
                told[some[0].pk] = str(error)
                alone.append(some[0])
            else:
                middle = len(some) // 2
                waiting += [some[middle:], some[:middle]]
    if trouble is not None and not told:
        raise trouble
    new = [one for one in alone if not one.is_back]
    if trouble is None or is_answered or not new:
        return told
    return _proven(told, new=new, trouble=trouble, asking=asking)


def _proven(
    told: dict[int, str], *, new: Iterable[Parcel], trouble: SourceError, asking: Asking
) -> dict[int, str]:
    """What counts of what was told, where nothing new was taken. raises: AllRefusedError.

    new: what was refused alone. Refusals of withdrawals count: they are told again all the same.
    """
    fresh = {
        one.pk
        for one in new
        if one.refused_since is None or asking.now - one.refused_since < PROVEN_AFTER
    }
    if not fresh:
        return told
    said = {pk: words for pk, words in told.items() if pk not in fresh}
    raise AllRefusedError(trouble, parcels=tuple(fresh), said=said) from trouble
