# SPDX-License-Identifier: Apache-2.0
"""Rules of adoptions: which signals are pre-selected, and what an adopted signal gets."""

from collections.abc import Iterable

from stemtide.hub.platform.errors import ConflictError
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.retention import LegalBasis
from stemtide.protocol.law.retention import GIVEN, RetentionPurpose, RowClass, retention


def suggested_by(*, labels: Iterable[str], provenance: str) -> list[str]:
    """Return the labels and provenance for which a signal is pre-selected; [] if it is not."""
    rule = retention().adoption
    named = [label for label in labels if label in rule.labels]
    return named + ([provenance] if provenance in rule.provenance else [])


def given_columns(
    *, kind: PartyKind, legal_basis: LegalBasis | None, purpose: str | None
) -> dict[str, str]:
    """Return the basis, purpose and rule that an adoption gives a signal.

    A purpose that limits who may read a signal stays: to adopt it is no reason to show it to more.

    kind: of the party that adopts it. purpose: that the signal has.
    """
    version = retention()
    rule = version.classes[RowClass.SIGNAL]
    columns = {
        "legal_basis": rule.bases[kind].value,
        "purpose": rule.purpose.value,
        "retention_rule": version.rule_of(RowClass.SIGNAL, kind),
    }
    if legal_basis is not None:
        columns["legal_basis"] = legal_basis.value
        columns["retention_rule"] += GIVEN
    if purpose and version.purposes[RetentionPurpose(purpose)].readers:
        columns["purpose"] = purpose
    return columns


def check_own(number: int, *, party: str) -> None:
    """Refuse to undo when the party has adopted none of the signals. raises: ConflictError."""
    if not number:
        raise ConflictError(
            "{party} has adopted none of these signals: only the party that adopted a signal can"
            " undo it",
            party=party,
        )
