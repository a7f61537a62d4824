# SPDX-License-Identifier: Apache-2.0
"""A cache for one page or request: values that several readers need are read once.

A page of many blocks asks for the same crisis and the same parties in each of them. Within moment()
the values are cached; outside it nothing is. Pages that are rendered without a new ledger entry in
between may share a cache.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

_T = TypeVar("_T")
_cache: ContextVar[dict[Hashable, Any] | None] = ContextVar("moment", default=None)


@contextmanager
def request_cache(cache: dict[Hashable, Any] | None = None) -> Iterator[None]:
    """Cache the results of once() until the end of the block. Only for reading: nothing may write.

    cache: values read since the last ledger entry, by any reader; new values are added. The owner
           replaces it after the next entry. Several threads may share it.
    """
    before = _cache.set({} if cache is None else cache)
    try:
        yield
    finally:
        _cache.reset(before)


def cached(key: Hashable, read: Callable[[], _T]) -> _T:
    """Return a value, read now or earlier in this block. key: everything that the value depends on.

    The value may be shared, so it must not be changed. Do not cache values that change without a
    ledger entry, or with the time of day.
    """
    cache = _cache.get()
    if cache is None:
        return read()
    if key not in cache:
        cache[key] = read()
    value: _T = cache[key]
    return value
