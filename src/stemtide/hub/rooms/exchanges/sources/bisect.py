# SPDX-License-Identifier: Apache-2.0
"""Bisect batches for servers that accept all of a message or nothing.

A message that is refused as invalid is halved until the invalid signal is alone, so that it cannot
block the others, unless the refusal is of all that it has. If nothing is accepted at all, the
server itself may be at fault, which says little about single signals.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TypeAlias

from stemtide.hub.rooms.exchanges.sources.source import (
    AllRefusedError,
    OutgoingSignal,
    SourceClient,
    SourceError,
    SourceRefusedError,
)

UNPROCESSABLE = 422
INVALID_STATUSES = frozenset({400, 413, UNPROCESSABLE})
"""Statuses for an invalid or too large message. Other 4xx statuses concern our access.

source: RFC 9110, sections 15.5.1, 15.5.14 and 15.5.21.
"""

PROVEN_AFTER = timedelta(hours=12)
"""How long new signals must be refused, while nothing new is accepted, before that counts.

Half a day is enough to repair a proxy.
"""

Send: TypeAlias = Callable[[Sequence[OutgoingSignal]], dict[int, str]]
"""Sends signals; returns the result of each: words of a refusal, "" if accepted."""


def send_bisecting(
    groups: Iterable[Sequence[OutgoingSignal]], *, send: Send, client: SourceClient
) -> dict[int, str]:
    """Send batches one after another, halving those that are refused as invalid.

    Once a result is known it is returned, even if time runs out or an error ends the sending: the
    next run will meet the error again. An accepted withdrawal proves nothing about new signals,
    which may go to another address.

    raises: SourceError if no result is known; AllRefusedError if new signals were all refused, and
    only recently.
    """
    results: dict[int, str] = {}
    refused_alone: list[OutgoingSignal] = []
    trouble: SourceError | None = None
    is_answered = False
    waiting = [group for group in groups if group][::-1]
    while waiting and not (results and client.is_over):
        batch = waiting.pop()
        try:
            batch_results = send(batch)
            results |= batch_results
            is_answered |= any(
                outgoing_signal.pk in batch_results and not outgoing_signal.is_back
                for outgoing_signal in batch
            )
        except SourceError as error:
            trouble = error
            if not isinstance(error, SourceRefusedError) or error.status not in INVALID_STATUSES:
                break
            if len(batch) == 1 or error.is_of_all:
                results |= {outgoing_signal.pk: str(error) for outgoing_signal in batch}
                refused_alone += batch
            else:
                middle = len(batch) // 2
                waiting += [batch[middle:], batch[:middle]]
    if trouble is not None and not results:
        raise trouble
    refused_new = [
        outgoing_signal for outgoing_signal in refused_alone if not outgoing_signal.is_back
    ]
    if trouble is None or is_answered or not refused_new:
        return results
    return _proven(results, refused_new=refused_new, trouble=trouble, client=client)


def _proven(
    results: dict[int, str],
    *,
    refused_new: Iterable[OutgoingSignal],
    trouble: SourceError,
    client: SourceClient,
) -> dict[int, str]:
    """Return the results that count when nothing new was accepted. raises: AllRefusedError.

    refused_new: refused when sent alone. Refused withdrawals count: they are retried anyway.
    """
    fresh = {
        outgoing_signal.pk
        for outgoing_signal in refused_new
        if outgoing_signal.refused_since is None
        or client.now - outgoing_signal.refused_since < PROVEN_AFTER
    }
    if not fresh:
        return results
    other_results = {pk: words for pk, words in results.items() if pk not in fresh}
    raise AllRefusedError(
        trouble, outgoing_signals=tuple(fresh), results=other_results
    ) from trouble
