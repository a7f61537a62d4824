# SPDX-License-Identifier: Apache-2.0
"""One moment: what several readers ask for while a page is put together is read once.

A page of many blocks asks for the same crisis and the same parties in each of them. Within
moment() the answers are kept; outside it nothing is. Pages that are put together while the ledger
stands still may hand each other what they read.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

_T = TypeVar("_T")
_kept: ContextVar[dict[Hashable, Any] | None] = ContextVar("moment", default=None)


@contextmanager
def moment(known: dict[Hashable, Any] | None = None) -> Iterator[None]:
    """Keep what once() reads, until the end of the block. For pages alone: nothing may write.

    known: what was read since the ledger's last entry was seen, by whomever; more is put into it.
           Whoever keeps it starts a new one after the next entry. Several threads may share it.
    """
    before = _kept.set({} if known is None else known)
    try:
        yield
    finally:
        _kept.reset(before)


def once(key: Hashable, read: Callable[[], _T]) -> _T:
    """What was read, now or earlier in this moment. key: all that the answer depends on.

    The answer may be handed to others: it is not to be changed, and nothing is kept so that
    changes without an entry in the ledger, or with the time of day.
    """
    kept = _kept.get()
    if kept is None:
        return read()
    if key not in kept:
        kept[key] = read()
    found: _T = kept[key]
    return found
