# SPDX-License-Identifier: Apache-2.0
"""Errors that rooms raise when they refuse an act, and that the API and pages show."""

from typing import Self


class RefusalError(Exception):
    """The hub refuses an act. Its text names the thing and the remedy, and may be shown.

    template: the English text, with {placeholders}.
    facts: the values of the placeholders. Pages and letters in other languages translate the
    template.
    """

    def __init__(self, template: str = "", /, **facts: object) -> None:
        super().__init__(template.format_map(facts) if facts else template)
        self.template = template
        self.facts = facts


class ConflictError(RefusalError):
    """The act contradicts existing data."""


class RateLimitError(ConflictError):
    """A party reached a rate limit and must wait. retry_after_s: for how long."""

    def __init__(self, template: str, /, *, retry_after_s: int, **facts: object) -> None:
        super().__init__(template, **facts)
        self.retry_after_s = retry_after_s


class NotAllowedError(RefusalError):
    """The party may not do this."""


class SuspendedError(NotAllowedError):
    """The party is suspended. The text gives the time, the reason and a contact."""


class NotFoundError(RefusalError):
    """The thing does not exist, or the party may not see it: callers cannot tell the difference."""


class InvalidError(RefusalError):
    """A field is invalid. field: its name as sent; template: the problem."""

    def __init__(self, field: str, template: str, /, **facts: object) -> None:
        super().__init__(template, **facts)
        self.field = field
        self.message = str(self)
        self.args = (f"{field}: {self.message}",)

    @classmethod
    def of(cls, field: str, why: RefusalError) -> Self:
        """Return a refusal as the error of a field."""
        return cls(field, why.template, **why.facts)


class UnknownKeyError(RefusalError):
    """The key is not valid: unknown, wrong, expired and revoked keys give the same error."""
