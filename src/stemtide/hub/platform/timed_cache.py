# SPDX-License-Identifier: Apache-2.0
"""A value that a process reads again after some seconds, because another may have changed it."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class TimedCache(Generic[_T]):
    """A cached value. lifetime_s: how long another process's change may stay unseen."""

    def __init__(self, empty: _T, *, lifetime_s: float) -> None:
        self._empty = empty
        self._lifetime_s = lifetime_s
        self._value = empty
        self._until = 0.0

    def get(self, read: Callable[[], _T]) -> _T:
        """Return the value, read anew if it is too old."""
        return self.renew(read) if time.monotonic() >= self._until else self._value

    def renew(self, read: Callable[[], _T]) -> _T:
        """Read the value anew, and return it."""
        self._value = read()
        self._until = time.monotonic() + self._lifetime_s
        return self._value

    def peek(self) -> _T:
        """Return the value as last read, where nothing may ask the database."""
        return self._value

    def clear(self) -> None:
        """Forget the value, so that it is read anew."""
        self._value = self._empty
        self._until = 0.0
