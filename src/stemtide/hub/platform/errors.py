# SPDX-License-Identifier: Apache-2.0
"""Errors that rooms raise when they refuse an act, and that doors show to the caller."""

from typing import Self


class RefusalError(Exception):
    """The hub refuses an act. Its text names the thing and the remedy, and may be shown.

    template: the English text, with {places} for what it is about.
    facts: what stands in the places. Doors that speak other languages translate the template.
    """

    def __init__(self, template: str = "", /, **facts: object) -> None:
        super().__init__(template.format_map(facts) if facts else template)
        self.template = template
        self.facts = facts


class ConflictError(RefusalError):
    """It contradicts what is already there."""


class TooManyError(ConflictError):
    """A party has done so much of this that it must wait. retry_after_s: for how long."""

    def __init__(self, template: str, /, *, retry_after_s: int, **facts: object) -> None:
        super().__init__(template, **facts)
        self.retry_after_s = retry_after_s


class NotAllowedError(RefusalError):
    """This party may not do that."""


class NotFoundError(RefusalError):
    """There is no such thing, or none that this party may see: the two are told apart to nobody."""


class InvalidError(RefusalError):
    """One field is not valid. field: its name as it was sent; template: what is wrong with it."""

    def __init__(self, field: str, template: str, /, **facts: object) -> None:
        super().__init__(template, **facts)
        self.field = field
        self.message = str(self)
        self.args = (f"{field}: {self.message}",)

    @classmethod
    def of(cls, field: str, why: RefusalError) -> Self:
        """A refusal of what stands in a field, as the refusal of that field."""
        return cls(field, why.template, **why.facts)


class UnknownKeyError(RefusalError):
    """The key opens nothing. Why is not said: unknown, wrong, expired and revoked look alike."""
