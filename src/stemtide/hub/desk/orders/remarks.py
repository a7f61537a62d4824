# SPDX-License-Identifier: Apache-2.0
"""Findings of the lint as remarks for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stemtide.hub.desk.error_messages import fill_template
from stemtide.hub.rooms.orders.rules.findings import DraftFinding


@dataclass(frozen=True, slots=True)
class LintRemark:
    """One finding of the lint, in the reader's language."""

    field: str
    text: str
    is_error: bool
    title: str


def lint_remarks(
    findings: Sequence[DraftFinding], *, labels: Mapping[str, str]
) -> list[LintRemark]:
    """Return the lint's findings. labels: titles of fields by name."""
    return [
        LintRemark(
            finding.field,
            fill_template(finding.template, finding.facts),
            finding.is_error,
            title=labels.get(finding.field, finding.field),
        )
        for finding in findings
    ]
