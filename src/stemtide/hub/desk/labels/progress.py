# SPDX-License-Identifier: Apache-2.0
"""Labels of the statistics: figures, outcomes of requests, reasons."""

from typing import TYPE_CHECKING, TypeAlias

from django.utils.translation import gettext_lazy as _

from stemtide.protocol.enums.progress import ProgressBy, ProgressOf
from stemtide.protocol.enums.referrals import ContentType, RefusalReason

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Words: TypeAlias = "str | _StrPromise"

REFERRAL_STEPS: dict[str, Words] = {
    "assessed": _("assessed"),
    "decided": _("decided"),
    "referred": _("referred"),
    "acknowledged": _("acknowledged"),
    "gone": _("removed or disabled"),
}
"""Steps of a referral, in order."""

REFERRAL_OUTCOMES: dict[str, Words] = {
    "removed": _("removed"),
    "disabled": _("access disabled"),
    "geo_blocked": _("blocked in some countries"),
    "refused": _("refused"),
    "not_found": _("not found"),
    "withdrawn": _("withdrawn before an answer"),
    "waiting": _("waiting for an answer"),
}

ORDER_STEPS: dict[str, Words] = {
    "issued": _("issued"),
    "received": _("received"),
    "executed": _("executed"),
    "in_time": _("executed within the hour"),
}

ORDER_OUTCOMES: dict[str, Words] = {
    "executed": _("executed"),
    "not_executed": _("not executed: an answer of Annex III stands"),
    "withdrawn": _("withdrawn before execution"),
    "annulled": _("without effect before execution"),
    "open": _("open"),
}

ORDER_BESIDE: dict[str, Words] = {
    "overdue": _("the hour passed without an answer"),
    "cross_border": _("to a provider of another Member State"),
    "scrutinised": _("examined under Article 4"),
    "infringed": _("found to infringe"),
    "undone": _("lost its effect after execution"),
    "unconfirmed": _("ended, because no second person confirmed it"),
    "reinstated": _("content reinstated"),
    "addresses": _("web addresses in executed orders"),
}

REFERRAL_BESIDE: dict[str, Words] = {
    "not_referred": _("decided not to refer"),
    "reinstated": _("restored by the provider"),
    "came_back": _("online again at a re-check"),
}

REASONS: dict[str, Words] = {
    RefusalReason.WITHIN_TERMS: _("within the provider's terms"),
    RefusalReason.NEWS_OR_EDUCATION: _("news, education, art or research"),
    RefusalReason.COUNTER_SPEECH: _("counter-speech"),
    RefusalReason.NOT_OURS: _("not on this service"),
    RefusalReason.NO_GROUNDS_GIVEN: _("no grounds were given"),
    RefusalReason.UNDER_COMPLAINT: _("a complaint is under review"),
    RefusalReason.OTHER: _("another reason"),
    "impossibility": _("impossible, not of the provider's making"),
    "manifest_error": _("manifest errors in the order"),
    "insufficient_information": _("not enough information"),
}

CONTENT_TYPES: dict[str, Words] = {
    ContentType.VIDEO: _("video"),
    ContentType.IMAGE: _("image"),
    ContentType.AUDIO: _("sound"),
    ContentType.TEXT: _("text"),
    ContentType.DOCUMENT: _("document"),
    ContentType.LIVE_STREAM: _("live stream"),
    ContentType.ARCHIVE: _("archive"),
    ContentType.LINKS: _("links"),
    ContentType.ACCOUNT: _("account"),
    ContentType.GROUP: _("group"),
    ContentType.OTHER: _("other"),
}

DSA_SHEETS: dict[str, Words] = {
    "1_report_identification": _("Identification of the report"),
    "2_categories_names": _("Names of categories"),
    "3_member_states_orders": _("Orders of Member States"),
    "4_notices": _("Notices"),
    "5_own_initiative_illegal": _("Own initiative: illegal content"),
    "6_own_initiative_TC": _("Own initiative: terms and conditions"),
    "7_appeals_and_recidivism": _("Complaints, disputes and suspensions"),
    "8_automated_means": _("Automated means"),
    "9_human_resources": _("Human resources"),
    "10_AMAR": _("Average monthly active recipients"),
    "11_qualitative": _("Qualitative description"),
}
"""Titles of the sheets of the DSA template, whose names are English."""

BY: dict[str, Words] = {
    ProgressBy.PROVIDER: _("provider"),
    ProgressBy.AUTHORITY: _("authority"),
    ProgressBy.LANGUAGE: _("language"),
    ProgressBy.CONTENT_TYPE: _("kind of content"),
    ProgressBy.IDEOLOGY: _("ideology"),
}

OF: dict[str, Words] = {
    ProgressOf.OWN: _("my party's"),
    ProgressOf.ALL: _("everybody's"),
}
