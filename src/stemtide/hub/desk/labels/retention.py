# SPDX-License-Identifier: Apache-2.0
"""Labels of retention, and of requests of data subjects."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _, gettext_noop

from stemtide.protocol.enums.records import DataCategory, SecurityMeasure, SubjectCategory
from stemtide.protocol.enums.retention import LegalBasis
from stemtide.protocol.enums.rights import (
    DataLaw,
    DataRight,
    ExtensionReason,
    RightsOutcome,
    RightsState,
)
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
        RowClass.RIGHTS: _("Requests of data subjects"),
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
        RowClass.RIGHTS: _("Request of a data subject"),
    },
    "retention-purpose": {
        RetentionPurpose.CONTAIN_SPREAD: _("stop the spread"),
        RetentionPurpose.REMOVE_CONTENT: _("have content removed"),
        RetentionPurpose.COORDINATE: _("coordinate a response"),
        RetentionPurpose.THREAT_TO_LIFE: _("avert a threat to life"),
        RetentionPurpose.INVESTIGATE: _("investigate a crime"),
        RetentionPurpose.PRESERVE: _("preserve evidence"),
        RetentionPurpose.REDRESS: _("answer complaints and requests"),
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
    "data-law": {
        DataLaw.GDPR: _("General Data Protection Regulation"),
        DataLaw.LED: _("Directive (EU) 2016/680, by national law"),
        DataLaw.EUROPOL: _("Europol Regulation"),
    },
    "data-right": {
        DataRight.ACCESS: _("Access"),
        DataRight.RECTIFICATION: _("Rectification"),
        DataRight.ERASURE: _("Erasure"),
        DataRight.RESTRICTION: _("Restriction"),
        DataRight.OBJECTION: _("Objection"),
    },
    "rights-state": {
        RightsState.OPEN: _("open"),
        RightsState.EXTENDED: _("extended"),
        RightsState.ANSWERED: _("answered"),
        RightsState.WITHDRAWN: _("withdrawn"),
    },
    "rights-outcome": {
        RightsOutcome.GRANTED: _("granted"),
        RightsOutcome.PARTLY: _("granted in part"),
        RightsOutcome.REFUSED: _("refused"),
        RightsOutcome.NO_DATA: _("no data about this person"),
    },
    "record-subject": {
        SubjectCategory.UPLOADER: _("people who uploaded content"),
        SubjectCategory.DEPICTED: _("people in content"),
        SubjectCategory.SUSPECT: _("people who may be a danger"),
        SubjectCategory.ENDANGERED: _("people in danger"),
        SubjectCategory.OFFICER: _("people who work for a party"),
        SubjectCategory.REQUESTER: _("people who made a request"),
    },
    "record-data": {
        DataCategory.FINGERPRINT: _("fingerprints of content"),
        DataCategory.ADDRESS: _("addresses of content and accounts"),
        DataCategory.MARKS: _("labels, which can show political or religious opinions"),
        DataCategory.TEXT: _("texts that people wrote"),
        DataCategory.DECISION: _("decisions and their reasons"),
        DataCategory.CONTACT: _("contact details"),
        DataCategory.PICTURE: _("pictures and excerpts of content"),
        DataCategory.REFERENCE: _("file numbers"),
    },
    "record-measure": {
        SecurityMeasure.ROLES: _("roles with least rights"),
        SecurityMeasure.SECOND_FACTOR: _("sign-in with a second factor"),
        SecurityMeasure.TRANSPORT: _("encrypted connections"),
        SecurityMeasure.LEDGER: _("a ledger that nobody can change unseen"),
        SecurityMeasure.ERASURE: _("erasure by date, with certificates"),
        SecurityMeasure.ENCRYPTION: _("encrypted in the database"),
        SecurityMeasure.HANDLING: _("handling marks limit who reads"),
        SecurityMeasure.READING: _("each reading is recorded"),
        SecurityMeasure.WARNING: _("personal data in texts are warned of"),
    },
    "rights-extension": {
        ExtensionReason.COMPLEXITY: _("the request is complex"),
        ExtensionReason.NUMBER: _("there are many requests"),
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
