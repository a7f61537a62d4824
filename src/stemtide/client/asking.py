# SPDX-License-Identifier: Apache-2.0
"""Turn a function that makes a question into a method that asks it, with the same parameters.

operations.py and operations_async.py are made of these, a line for each operation of the API. What
a method takes, gives and needs stands at its function in stemtide.client.calls.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

from stemtide.client.call import Answer, Call, Events, Lines, Parts, Question

P = ParamSpec("P")
Given = TypeVar("Given")


class Method(Generic[P, Given]):
    """A method of a hub that asks what a function makes. how: the hub's own method that asks."""

    def __init__(self, make: Callable[P, Question[Any]], *, how: str) -> None:
        self.__doc__ = make.__doc__
        self._make = make
        self._how = how

    @overload
    def __get__(self, hub: None, kind: type[Any]) -> Self: ...

    @overload
    def __get__(self, hub: object, kind: type[Any]) -> Callable[P, Given]: ...

    def __get__(self, hub: object | None, kind: type[Any]) -> Self | Callable[P, Given]:
        """The method of one hub."""
        if hub is None:
            return self
        ask: Callable[[Question[Any]], Given] = getattr(hub, self._how)

        def method(*given: P.args, **named: P.kwargs) -> Given:
            return ask(self._make(*given, **named))

        return update_wrapper(method, self._make)


def asked(make: Callable[P, Call[Answer]]) -> Method[P, Answer]:
    """A method that waits for its answer."""
    return Method(make, how="ask")


def lines(make: Callable[P, Lines[Answer]]) -> Method[P, Generator[Answer, None, None]]:
    """A method that gives line by line."""
    return Method(make, how="lines")


def parts(make: Callable[P, Parts[Answer]]) -> Method[P, Generator[Answer, None, None]]:
    """A method that gives bytes as they arrive."""
    return Method(make, how="parts")


def events(make: Callable[P, Events[Answer]]) -> Method[P, Generator[Answer, None, None]]:
    """A method that gives whatever a stream says."""
    return Method(make, how="events")


def asked_later(make: Callable[P, Call[Answer]]) -> Method[P, Coroutine[Any, Any, Answer]]:
    """A method whose answer is awaited."""
    return Method(make, how="ask")


def lines_later(make: Callable[P, Lines[Answer]]) -> Method[P, AsyncGenerator[Answer, None]]:
    """A method that gives line by line, awaited."""
    return Method(make, how="lines")


def parts_later(make: Callable[P, Parts[Answer]]) -> Method[P, AsyncGenerator[Answer, None]]:
    """A method that gives bytes as they arrive, awaited."""
    return Method(make, how="parts")


def events_later(make: Callable[P, Events[Answer]]) -> Method[P, AsyncGenerator[Answer, None]]:
    """A method that gives whatever a stream says, awaited."""
    return Method(make, how="events")
