# SPDX-License-Identifier: Apache-2.0
"""Labels of retention: classes of rows, purposes, legal bases, and what stops an erasure."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _, gettext_noop

from stemtide.protocol.enums.retention import LegalBasis
from stemtide.protocol.law.retention import RetentionPurpose, RowClass

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LABELS: "dict[str, dict[str, str | _StrPromise]]" = {
    "row-class": {
        RowClass.SIGNAL: _("Signals"),
        RowClass.REFERRAL: _("Referrals"),
        RowClass.ORDER: _("Orders"),
        RowClass.PRESERVATION: _("Preservations"),
        RowClass.MESSAGE: _("Messages of situation logs"),
        RowClass.LEAD: _("Leads"),
        RowClass.COMPLAINT: _("Complaints"),
        RowClass.PREVIEW: _("Previews"),
    },
    "row-class-one": {
        RowClass.SIGNAL: _("Signal"),
        RowClass.REFERRAL: _("Referral"),
        RowClass.ORDER: _("Order"),
        RowClass.PRESERVATION: _("Preservation"),
        RowClass.MESSAGE: _("Message"),
        RowClass.LEAD: _("Lead"),
        RowClass.COMPLAINT: _("Complaint"),
        RowClass.PREVIEW: _("Preview"),
    },
    "retention-purpose": {
        RetentionPurpose.CONTAIN_SPREAD: _("stop the spread"),
        RetentionPurpose.REMOVE_CONTENT: _("have content removed"),
        RetentionPurpose.COORDINATE: _("coordinate a response"),
        RetentionPurpose.THREAT_TO_LIFE: _("avert a threat to life"),
        RetentionPurpose.INVESTIGATE: _("investigate a crime"),
        RetentionPurpose.PRESERVE: _("preserve evidence"),
        RetentionPurpose.REDRESS: _("answer complaints"),
    },
    "legal-basis": {
        LegalBasis.EUROPOL: _("Europol's tasks"),
        LegalBasis.LED: _("police work, by national law"),
        LegalBasis.TCO: _("terrorist content online"),
        LegalBasis.E_EVIDENCE: _("European Preservation Order"),
        LegalBasis.DSA: _("duties of a hosting service"),
        LegalBasis.GDPR_OBLIGATION: _("legal obligation"),
        LegalBasis.GDPR_VITAL: _("vital interests"),
        LegalBasis.GDPR_PUBLIC_TASK: _("task in the public interest"),
        LegalBasis.GDPR_INTEREST: _("legitimate interests"),
        LegalBasis.NATIONAL: _("national law"),
    },
}

STOPPED_BY = (
    gettext_noop("content is preserved by an order that names this row"),
    gettext_noop("a complaint about it is open"),
    gettext_noop("the order is being examined"),
    gettext_noop("an appeal against the order is pending"),
    gettext_noop("its crisis is not over"),
    gettext_noop("a legal hold"),
    gettext_noop("a legal hold, lifted less than 7 days ago"),
    gettext_noop("a procedure of another party"),
)
"""What the room says stops an erasure (rooms/retention/reads/rows.py), to be translated."""
