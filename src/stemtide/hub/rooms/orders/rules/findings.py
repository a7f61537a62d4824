# SPDX-License-Identifier: Apache-2.0
"""Findings of the lint: an order with a flaw cannot be issued, one with a doubt can."""

from stemtide.protocol.enums.orders import DoubtKind


class DraftFinding:
    """One finding: a field of the form or the draft, and words with their remedy."""

    is_error = False
    kind: DoubtKind | None = None

    def __init__(self, field: str, template: str, /, **facts: object) -> None:
        self.field = field
        self.template = template
        self.facts = facts

    @property
    def message(self) -> str:
        """Return the problem and its remedy in English."""
        return self.template.format_map(self.facts) if self.facts else self.template


class Flaw(DraftFinding):
    """A problem that must be fixed before the order is issued."""

    is_error = True


class Doubt(DraftFinding):
    """A possible problem that is shown to the author; the order can be issued.

    Decision 0155.
    """

    kind: DoubtKind = DoubtKind.FORM

    def of(self, kind: DoubtKind) -> "Doubt":
        """Return the doubt with its kind."""
        self.kind = kind
        return self
