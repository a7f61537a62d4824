# SPDX-License-Identifier: Apache-2.0
"""Sends parcels to a server that takes all of a message or none, so that one cannot block others.

A message that is refused as wrong is halved, until what is wrong stands alone; the others go.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from stemtide.hub.exchanges.sources.port import Asking, Parcel, RefusedError, SourceError

UNPROCESSABLE = 422
WRONG = frozenset({400, 413, UNPROCESSABLE})
"""Statuses that say that a message is wrong, or too large. Others of 4xx speak of us.

source: RFC 9110, sections 15.5.1, 15.5.14 and 15.5.21.
"""

Send: TypeAlias = Callable[[Sequence[Parcel]], dict[int, str]]
"""Sends some parcels; what was said of each: words of a refusal, "" where it was taken."""


def in_halves(groups: Iterable[Sequence[Parcel]], *, send: Send, asking: Asking) -> dict[int, str]:
    """Send groups of parcels, one after another; of what is refused as wrong, each half apart.

    Once something is known it is returned, whatever ends the sending: time, or trouble, which
    meets the next try as well.

    raises: SourceError where nothing is known.
    """
    told: dict[int, str] = {}
    waiting = [one for one in groups if one][::-1]
    while waiting and not (told and asking.is_over):
        some = waiting.pop()
        try:
            told |= send(some)
        except SourceError as error:
            if isinstance(error, RefusedError) and error.status in WRONG:
                if len(some) == 1:
                    told[some[0].pk] = str(error)
                else:
                    middle = len(some) // 2
                    waiting += [some[middle:], some[:middle]]
            elif told:
                break
            else:
                raise
    return told
