# SPDX-License-Identifier: Apache-2.0
"""Errors of the client: a class for each way to react."""

from typing import Self

from stemtide.protocol.problems import Problem

QUOTED_CHARACTERS = 500
"""How much of the hub's text an error message quotes."""


class HubError(Exception):
    """A request to the hub failed; the message names the hub and the remedy.

    hub: its URL. trouble: the message without it. status: of HTTP; None without a response.
    problem: the hub's problem document (RFC 9457); None if it sent none.
    text: the beginning of a response that is no problem document.
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
        """Return the same error with a remedy that fits the caller's situation."""
        return type(self)(
            self.hub,
            f"{self.trouble} {remedy}",
            status=self.status,
            problem=self.problem,
            text=self.text,
        )


class UnreachableError(HubError):
    """The hub is unreachable or unhealthy. Retry later."""


class TooManyError(UnreachableError):
    """The hub asks for a longer pause than patience_s (429)."""


class RefusedError(HubError):
    """The hub denied access: usually because of the key, its scopes or the party."""


class DeclinedError(HubError):
    """The hub rejected the message: sending the same again will not help."""


class NotFoundError(HubError):
    """The hub does not have it, or your party may not see it."""


class AnswerError(HubError):
    """The response cannot be parsed. Perhaps the server is no hub."""
