# SPDX-License-Identifier: Apache-2.0
"""Descriptors that turn a function that builds a request into a method that sends it.

operations.py and operations_async.py consist of these, one line for each operation of the API.
The functions in stemtide.client.calls document the parameters, the result and the scope.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

from stemtide.client.call import Answer, Call, Events, Lines, Parts, Question

P = ParamSpec("P")
Given = TypeVar("Given")


class Method(Generic[P, Given]):
    """A method of a hub that sends the request of a function. sender: the hub's sending method."""

    def __init__(self, make: Callable[P, Question[Any]], *, sender: str) -> None:
        self.__doc__ = make.__doc__
        self._make = make
        self._how = sender

    @overload
    def __get__(self, hub: None, kind: type[Any]) -> Self: ...

    @overload
    def __get__(self, hub: object, kind: type[Any]) -> Callable[P, Given]: ...

    def __get__(self, hub: object | None, kind: type[Any]) -> Self | Callable[P, Given]:
        """Return the method bound to a hub."""
        if hub is None:
            return self
        ask: Callable[[Question[Any]], Given] = getattr(hub, self._how)

        def method(*arguments: P.args, **keywords: P.kwargs) -> Given:
            return ask(self._make(*arguments, **keywords))

        return update_wrapper(method, self._make)


def asked(make: Callable[P, Call[Answer]]) -> Method[P, Answer]:
    """Return a method that waits for the response."""
    return Method(make, sender="ask")


def lines(make: Callable[P, Lines[Answer]]) -> Method[P, Generator[Answer, None, None]]:
    """Return a method that yields line by line."""
    return Method(make, sender="lines")


def parts(make: Callable[P, Parts[Answer]]) -> Method[P, Generator[Answer, None, None]]:
    """Return a method that yields bytes as they arrive."""
    return Method(make, sender="parts")


def events(make: Callable[P, Events[Answer]]) -> Method[P, Generator[Answer, None, None]]:
    """Return a method that yields the events of a stream."""
    return Method(make, sender="events")


def asked_later(make: Callable[P, Call[Answer]]) -> Method[P, Coroutine[Any, Any, Answer]]:
    """Return a coroutine method for the response."""
    return Method(make, sender="ask")


def lines_later(make: Callable[P, Lines[Answer]]) -> Method[P, AsyncGenerator[Answer, None]]:
    """Return an async method that yields line by line."""
    return Method(make, sender="lines")


def parts_later(make: Callable[P, Parts[Answer]]) -> Method[P, AsyncGenerator[Answer, None]]:
    """Return an async method that yields bytes as they arrive."""
    return Method(make, sender="parts")


def events_later(make: Callable[P, Events[Answer]]) -> Method[P, AsyncGenerator[Answer, None]]:
    """Return an async method that yields the events of a stream."""
    return Method(make, sender="events")
