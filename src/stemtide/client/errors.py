# SPDX-License-Identifier: Apache-2.0
"""What can be wrong between a program and its hub: a class for each thing to be done about it."""

from typing import Self

from stemtide.protocol.problems import Problem

SAID_CHARACTERS = 500
"""How much of a hub's words stands in an error's own."""


class HubError(Exception):
    """Something is wrong between you and the hub; the message names the hub and what to do.

    hub: its address. trouble: the message without it. status: of HTTP; None where nothing came.
    problem: what the hub itself says, field by field (RFC 9457); None where it said no such thing.
    text: the beginning of an answer that is no problem document.
    """

    def __init__(
        self,
        hub: str,
        trouble: str,
        *,
        status: int | None = None,
        problem: Problem | None = None,
        text: str = "",
    ) -> None:
        super().__init__(f"{hub}: {trouble}")
        self.hub = hub
        self.trouble = trouble
        self.status = status
        self.problem = problem
        self.text = text

    def with_remedy(self, remedy: str) -> Self:
        """The same error, which also says what to do about it where you are."""
        return type(self)(
            self.hub,
            f"{self.trouble} {remedy}",
            status=self.status,
            problem=self.problem,
            text=self.text,
        )


class UnreachableError(HubError):
    """The hub cannot be reached now, or is not well. Trying again later is right."""


class TooManyError(UnreachableError):
    """The hub asks for a pause, and for a longer one than the patience given (429)."""


class RefusedError(HubError):
    """The hub does not let you do that: mostly a matter of the key, its scopes or the party."""


class DeclinedError(HubError):
    """The hub read a message and did not take it: sending the same again will not help."""


class NotFoundError(HubError):
    """There is no such thing at the hub, or none that your party may see."""


class AnswerError(HubError):
    """The hub answered something that cannot be read. Perhaps it is no hub at all."""
