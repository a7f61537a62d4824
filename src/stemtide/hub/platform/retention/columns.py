# SPDX-License-Identifier: Apache-2.0
"""Columns of rows that concern content or people: on which basis, for what, until when."""

from datetime import datetime
from typing import Any

from django.db import models

from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.orders import PreservationBasis
from stemtide.protocol.enums.retention import LegalBasis
from stemtide.protocol.law.retention import (
    FILLED,
    GIVEN,
    RetentionPurpose,
    RowClass,
    erase_due,
    retention,
)
from stemtide.protocol.law.retention.messages import RetentionIn, RetentionOut


class LawfulRow(models.Model):
    """A row that says on which legal basis and for which purpose it is kept. Decision 0189.

    retention_rule: the default that gave it basis, purpose and date, with its version; NULL in
                    rows of older code, until the scheduler fills them in.
    """

    legal_basis = models.CharField(max_length=20, null=True)
    purpose = models.CharField(max_length=20, null=True)
    retention_rule = models.CharField(max_length=60, null=True)

    class Meta:
        abstract = True


class RetainedRow(LawfulRow):
    """A row that is erased at its date. erased_at: when its content was; its skeleton stays."""

    erase_due = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


def basis_columns(row_class: RowClass, *, kind: str) -> dict[str, Any]:
    """Return the columns of a new row of a party, by default. kind: of that party."""
    version = retention()
    rule, party_kind = version.classes[row_class], PartyKind(kind)
    return {
        "legal_basis": rule.bases[party_kind].value,
        "purpose": rule.purpose.value,
        "retention_rule": version.rule_of(row_class, party_kind),
    }


def retention_columns(row_class: RowClass, *, kind: str, now: datetime) -> dict[str, Any]:
    """Return the columns of a new row with the date of its erasure, by default."""
    return basis_columns(row_class, kind=kind) | {"erase_due": erase_due(row_class, since=now)}


def preservation_columns(basis: PreservationBasis, *, kind: str) -> dict[str, Any]:
    """Return the columns of a preservation: its law is its basis."""
    columns = basis_columns(RowClass.PRESERVATION, kind=kind)
    return columns | {"legal_basis": LegalBasis(basis.value).value}


def with_given(sent: RetentionIn | None, *, columns: dict[str, Any]) -> dict[str, Any]:
    """Return the default columns, with the basis and purpose that the party gives itself."""
    if sent is None:
        return columns
    own = {"legal_basis": sent.legal_basis, "purpose": sent.purpose}
    own = {name: value for name, value in own.items() if value is not None}
    return columns | own | {"retention_rule": columns["retention_rule"] + GIVEN}


def describe_retention(
    row: LawfulRow, *, until: datetime | None, ends_at: datetime | None = None
) -> RetentionOut | None:
    """Return why a row is kept; None until the scheduler has filled in a row of older code.

    ends_at: when a live signal stops matching.
    """
    if row.retention_rule is None or row.legal_basis is None or row.purpose is None:
        return None
    return RetentionOut(
        legal_basis=LegalBasis(row.legal_basis),
        purpose=RetentionPurpose(row.purpose),
        until=until,
        ends_at=ends_at,
        rule=row.retention_rule.removesuffix(FILLED).removesuffix(GIVEN),
        filled_later=row.retention_rule.endswith(FILLED),
        given=row.retention_rule.endswith(GIVEN),
    )
