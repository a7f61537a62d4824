# SPDX-License-Identifier: Apache-2.0
"""Sends parcels to a server that takes all of a message or none, so that one cannot block others.

A message that is refused as wrong is halved, until what is wrong stands alone; the others go.
Where none goes, that says little of single ones: the server itself may be at fault.
"""

from collections.abc import Callable, Iterable, Sequence
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

TRIES_ALONE = 8
"""Runs in which what is new must be refused, where nothing is taken, before that counts.

As a run that fails is made later and later, that is half a day at an exchange's usual pace.
"""

Send: TypeAlias = Callable[[Sequence[Parcel]], dict[int, str]]
"""Sends some parcels; what was said of each: words of a refusal, "" where it was taken."""


def in_halves(groups: Iterable[Sequence[Parcel]], *, send: Send, asking: Asking) -> dict[int, str]:
    """Send groups of parcels, one after another; of what is refused as wrong, each half apart.

    Once something is known it is returned, whatever ends the sending: time, or trouble, which
    meets the next try as well.

    raises: SourceError where nothing is known; AllRefusedError where nothing but refusals is, and
    too few of them.
    """
    told: dict[int, str] = {}
    alone: list[Parcel] = []
    trouble: SourceError | None = None
    is_answered = False
    waiting = [one for one in groups if one][::-1]
    while waiting and not (told and asking.is_over):
        some = waiting.pop()
        try:
            told |= send(some)
            is_answered = True
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
    if trouble is not None and not is_answered:
        _check_proven(alone, trouble=trouble)
    return told


def _check_proven(alone: Sequence[Parcel], *, trouble: SourceError) -> None:
    """Whether refusals count though nothing was taken. raises: SourceError, AllRefusedError.

    Those of withdrawals do: they are told again all the same.
    """
    new = [one for one in alone if not one.is_back]
    if all(one.refusals + 1 >= TRIES_ALONE for one in new) and alone:
        return
    if not new:
        raise trouble
    words = f"it takes nothing of what is sent: {trouble}"
    error = AllRefusedError(words, retry_after_s=trouble.retry_after_s)
    error.parcels = tuple(one.pk for one in new)
    raise error from trouble
