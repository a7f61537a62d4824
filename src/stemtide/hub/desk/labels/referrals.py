# SPDX-License-Identifier: Apache-2.0
"""Labels and colours for the states of referrals, batches and holds."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from stemtide.protocol.enums.referrals import (
    ContentType,
    DropReason,
    FindingKind,
    HoldReason,
    HoldState,
    ReceiptVia,
    ReferralState,
    RefusalReason,
    RowOutcome,
    TakeBackReason,
)

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LABELS: "dict[str, dict[str, str | _StrPromise]]" = {
    "referral": {
        ReferralState.ASSESSED: _("assessed"),
        ReferralState.HELD: _("waiting for a hold"),
        ReferralState.NOT_REFERRED: _("not referred"),
        ReferralState.SENT: _("sent"),
        ReferralState.ACKNOWLEDGED: _("acknowledged"),
        ReferralState.NEEDS_CONTEXT: _("needs context"),
        ReferralState.REMOVED: _("removed"),
        ReferralState.DISABLED: _("access disabled"),
        ReferralState.GEO_BLOCKED: _("blocked in some countries"),
        ReferralState.REFUSED: _("refused"),
        ReferralState.NOT_FOUND: _("not found"),
        ReferralState.REINSTATED: _("reinstated"),
        ReferralState.WITHDRAWN: _("withdrawn"),
    },
    "receipt_via": {
        ReceiptVia.API: _("fetched by a program"),
        ReceiptVia.DESK: _("opened at the desk"),
        ReceiptVia.WEBHOOK: _("taken by the webhook"),
        ReceiptVia.MAIL: _("taken by the mail server"),
        ReceiptVia.LINK: _("acknowledged by link"),
    },
    "refusal": {
        RefusalReason.WITHIN_TERMS: _("it breaks none of our terms"),
        RefusalReason.NEWS_OR_EDUCATION: _("it is news, education, research or art"),
        RefusalReason.COUNTER_SPEECH: _("it speaks against terrorism"),
        RefusalReason.NOT_OURS: _("it is not on our service"),
        RefusalReason.NO_GROUNDS_GIVEN: _("we cannot see why it was referred"),
        RefusalReason.UNDER_COMPLAINT: _("its uploader complains, and we look again"),
        RefusalReason.OTHER: _("another reason"),
    },
    "take_back": {
        TakeBackReason.MISTAKE: _("sent by mistake"),
        TakeBackReason.NOT_VIOLATING: _("the content breaks no rule"),
        TakeBackReason.CONTEXT: _("its context makes it lawful"),
        TakeBackReason.DUPLICATE: _("it was sent twice"),
        TakeBackReason.ORDERED: _("a removal order was issued for it"),
        TakeBackReason.OTHER: _("another reason"),
    },
    "content_type": {
        ContentType.VIDEO: _("video"),
        ContentType.IMAGE: _("picture"),
        ContentType.AUDIO: _("sound"),
        ContentType.TEXT: _("text"),
        ContentType.DOCUMENT: _("document"),
        ContentType.LIVE_STREAM: _("live stream"),
        ContentType.ARCHIVE: _("archive"),
        ContentType.LINKS: _("list of links"),
        ContentType.ACCOUNT: _("account"),
        ContentType.GROUP: _("group or channel"),
        ContentType.OTHER: _("something else"),
    },
    "drop": {
        DropReason.LAWFUL: _("it is lawful"),
        DropReason.WITHIN_TERMS: _("it breaks none of the provider's terms"),
        DropReason.INVESTIGATION: _("an investigation needs it where it is"),
        DropReason.DUPLICATE: _("another referral stands for it"),
        DropReason.GONE: _("it is gone already"),
        DropReason.ORDERED: _("a removal order was issued for it"),
        DropReason.OTHER: _("another reason"),
    },
    "hold": {
        HoldState.PLACED: _("stands"),
        HoldState.LIFTED: _("lifted"),
        HoldState.EXPIRED: _("expired"),
    },
    "hold_reason": {
        HoldReason.INVESTIGATION: _("an investigation"),
        HoldReason.OPERATION: _("an operation under way"),
        HoldReason.THREAT_TO_LIFE: _("a life is in danger"),
        HoldReason.EVIDENCE: _("evidence is being secured"),
        HoldReason.VICTIM: _("to protect a victim"),
    },
    "finding": {
        FindingKind.OWN: _("your party's own referral"),
        FindingKind.REFERRED: _("another's referral"),
        FindingKind.SIMILAR: _("similar content elsewhere"),
        FindingKind.HELD: _("a hold"),
    },
    "row": {
        RowOutcome.SENT: _("sent"),
        RowOutcome.HELD: _("waiting for a hold"),
        RowOutcome.DUPLICATE: _("referred already"),
        RowOutcome.REFERRED_BY_OTHERS: _("referred by another authority"),
        RowOutcome.UNKNOWN_PROVIDER: _("unknown provider"),
        RowOutcome.BAD_URL: _("no web address"),
        RowOutcome.INVALID: _("to be corrected"),
    },
}
"""Labels by group, then by enum value."""

TONES: dict[str, dict[str, str]] = {
    "referral": {
        ReferralState.HELD: "warn",
        ReferralState.NEEDS_CONTEXT: "warn",
        ReferralState.REMOVED: "good",
        ReferralState.DISABLED: "good",
        ReferralState.GEO_BLOCKED: "good",
    },
    "hold": {HoldState.PLACED: "warn"},
    "finding": {FindingKind.HELD: "bad", FindingKind.REFERRED: "warn", FindingKind.SIMILAR: "warn"},
    "row": {
        RowOutcome.SENT: "good",
        RowOutcome.HELD: "warn",
        RowOutcome.REFERRED_BY_OTHERS: "warn",
        RowOutcome.UNKNOWN_PROVIDER: "bad",
        RowOutcome.BAD_URL: "bad",
        RowOutcome.INVALID: "bad",
    },
}
"""Colours by group, then by enum value; a value that is not listed is "calm"."""
