# SPDX-License-Identifier: Apache-2.0
"""Python client for a hub's API. See docs/use/python.md."""

from stemtide.client.call import File
from stemtide.client.connection import Limits
from stemtide.client.errors import (
    AnswerError,
    DeclinedError,
    HubError,
    NotFoundError,
    RefusedError,
    TooManyError,
    UnreachableError,
)
from stemtide.client.hub import Hub
from stemtide.client.hub_async import AsyncHub

__all__ = [
    "AnswerError",
    "AsyncHub",
    "DeclinedError",
    "File",
    "Hub",
    "HubError",
    "Limits",
    "NotFoundError",
    "RefusedError",
    "TooManyError",
    "UnreachableError",
]
