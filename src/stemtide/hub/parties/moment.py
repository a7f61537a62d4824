# SPDX-License-Identifier: Apache-2.0
"""One moment: what several readers ask for while a page is put together is read once.

A page of many blocks asks for the same crisis and the same parties in each of them. Within
moment() the answers are kept, for nobody else and no longer; outside it nothing is.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

_T = TypeVar("_T")
_kept: ContextVar[dict[Hashable, Any] | None] = ContextVar("moment", default=None)


@contextmanager
def moment() -> Iterator[None]:
    """Keep what once() reads, until the end of the block. For pages alone: nothing may write."""
    before = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(before)


def once(key: Hashable, read: Callable[[], _T]) -> _T:
    """What was read, now or earlier in this moment. key: all that the answer depends on."""
    kept = _kept.get()
    if kept is None:
        return read()
    if key not in kept:
        kept[key] = read()
    found: _T = kept[key]
    return found
