# SPDX-License-Identifier: Apache-2.0
"""Decorators for functions of rooms that are exempt from a house rule, each with its reason.

They change nothing: tests/house/test_rooms.py reads them.
"""

from collections.abc import Callable
from typing import TypeVar

_Function = TypeVar("_Function", bound=Callable[..., object])


def needs_no_viewer(reason: str) -> Callable[[_Function], _Function]:
    """Mark a read that does not filter by viewer: every caller gets the same."""
    assert reason  # noqa: S101  # as the house test demands
    return lambda function: function


def needs_no_entry(reason: str) -> Callable[[_Function], _Function]:
    """Mark a write that appends nothing to the ledger."""
    assert reason  # noqa: S101  # as the house test demands
    return lambda function: function


def needs_no_lock(reason: str) -> Callable[[_Function], _Function]:
    """Mark a write that does not lock the ledger before it checks the state."""
    assert reason  # noqa: S101  # as the house test demands
    return lambda function: function
