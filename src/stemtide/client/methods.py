# SPDX-License-Identifier: Apache-2.0
"""Descriptors that turn a function that builds a request into a method that sends it.

operations.py and operations_async.py consist of these, one line for each operation of the API.
The functions in stemtide.client.calls document the parameters, the result and the scope.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

from stemtide.client.call import Answer, ApiRequest, Call, Events, Lines, Parts

P = ParamSpec("P")
Result = TypeVar("Result")


class Method(Generic[P, Result]):
    """A method of a hub that sends the request of a function. sender: the hub's sending method."""

    def __init__(self, make: Callable[P, ApiRequest[Any]], *, sender: str) -> None:
        self.__doc__ = make.__doc__
        self._make = make
        self._sender = sender

    @overload
    def __get__(self, hub: None, kind: type[Any]) -> Self: ...

    @overload
    def __get__(self, hub: object, kind: type[Any]) -> Callable[P, Result]: ...

    def __get__(self, hub: object | None, kind: type[Any]) -> Self | Callable[P, Result]:
        """Return the method bound to a hub."""
        if hub is None:
            return self
        ask: Callable[[ApiRequest[Any]], Result] = getattr(hub, self._sender)

        def method(*arguments: P.args, **keywords: P.kwargs) -> Result:
            return ask(self._make(*arguments, **keywords))

        return update_wrapper(method, self._make)


def response_method(make: Callable[P, Call[Answer]]) -> Method[P, Answer]:
    """Return a method that waits for the response."""
    return Method(make, sender="ask")


def lines_method(make: Callable[P, Lines[Answer]]) -> Method[P, Generator[Answer, None, None]]:
    """Return a method that yields line by line."""
    return Method(make, sender="lines")


def parts_method(make: Callable[P, Parts[Answer]]) -> Method[P, Generator[Answer, None, None]]:
    """Return a method that yields bytes as they arrive."""
    return Method(make, sender="parts")


def events_method(make: Callable[P, Events[Answer]]) -> Method[P, Generator[Answer, None, None]]:
    """Return a method that yields the events of a stream."""
    return Method(make, sender="events")


def async_response_method(
    make: Callable[P, Call[Answer]],
) -> Method[P, Coroutine[Any, Any, Answer]]:
    """Return a coroutine method for the response."""
    return Method(make, sender="ask")


def async_lines_method(make: Callable[P, Lines[Answer]]) -> Method[P, AsyncGenerator[Answer, None]]:
    """Return an async method that yields line by line."""
    return Method(make, sender="lines")


def async_parts_method(make: Callable[P, Parts[Answer]]) -> Method[P, AsyncGenerator[Answer, None]]:
    """Return an async method that yields bytes as they arrive."""
    return Method(make, sender="parts")


def async_events_method(
    make: Callable[P, Events[Answer]],
) -> Method[P, AsyncGenerator[Answer, None]]:
    """Return an async method that yields the events of a stream."""
    return Method(make, sender="events")
