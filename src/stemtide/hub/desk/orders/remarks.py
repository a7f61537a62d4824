# SPDX-License-Identifier: Apache-2.0
"""Findings of the lint as remarks for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from stemtide.hub.desk.error_messages import fill_template
from stemtide.hub.rooms.orders.rules.findings import DraftFinding


@dataclass(frozen=True, slots=True)
class LintRemark:
    """One finding of the lint, in the reader's language. key: digest, the same in any language."""

    field: str
    text: str
    is_error: bool
    title: str
    key: str


def finding_key(finding: DraftFinding) -> str:
    """Return a digest of a finding, by which a page says that it showed it."""
    return sha256(f"{finding.field}: {finding.message}".encode()).hexdigest()[:16]


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
            key=finding_key(finding),
        )
        for finding in findings
    ]
