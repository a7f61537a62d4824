# SPDX-License-Identifier: Apache-2.0
"""How the door says what is wrong to programs of others, each under its own addresses."""

from collections.abc import Callable
from dataclasses import dataclass

from stemtide.protocol.problems import MEDIA_TYPE, Problem


@dataclass(frozen=True, slots=True)
class Tongue:
    """One protocol's way to say what is wrong.

    write:     a problem document as a body of that protocol.
    challenge: what an answer 401 asks for, as WWW-Authenticate says it.
    """

    media_type: str
    write: Callable[[Problem], str]
    challenge: str = "Bearer"


def _problem_document(found: Problem) -> str:
    """Our own: RFC 9457."""
    return found.model_dump_json(exclude_none=True)


OURS = Tongue(MEDIA_TYPE, _problem_document)
"""Spoken wherever nobody else's protocol is."""

TONGUES: dict[str, Tongue] = {}
"""Other protocols by how their addresses begin."""


def tongue_at(path: str) -> Tongue:
    """What is spoken at an address."""
    return next((one for start, one in TONGUES.items() if path.startswith(start)), OURS)
