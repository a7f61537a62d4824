# SPDX-License-Identifier: Apache-2.0
"""Texts of alerts about removal orders, referrals and holds, without addresses of content."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Words: TypeAlias = "str | _StrPromise"

TITLES: Mapping[str, Words] = {
    "order_information": gettext_lazy("Information before a first removal order"),
    "order": gettext_lazy("REMOVAL ORDER %(reference)s: one hour"),
    "order_entered": gettext_lazy("Removal order %(reference)s was entered by hand"),
    "entry_answered": gettext_lazy("Your entry of removal order %(reference)s was answered"),
    "order_copy": gettext_lazy("Copy of removal order %(reference)s"),
    "order_executed": gettext_lazy("Removal order %(reference)s is executed"),
    "order_suspended": gettext_lazy("Removal order %(reference)s cannot be executed"),
    "order_resumed": gettext_lazy("Removal order %(reference)s: the hour runs again"),
    "order_missed": gettext_lazy("Removal order %(reference)s: the hour has PASSED"),
    "order_ended": gettext_lazy("Removal order %(reference)s has no effect any more"),
    "order_prolonged": gettext_lazy("Removal order %(reference)s stays confidential for longer"),
    "order_overlapped": gettext_lazy(
        "Another order names the same content as removal order %(reference)s"
    ),
    "order_reinstated": gettext_lazy("Removal order %(reference)s: content reinstated"),
    "order_appealed": gettext_lazy("Appeal against removal order %(reference)s"),
    "appeal_decided": gettext_lazy("Removal order %(reference)s: an appeal is decided"),
    "appeal_expired": gettext_lazy(
        "Removal order %(reference)s: the deadline for appeal has passed"
    ),
    "order_final": gettext_lazy("Removal order %(reference)s is final"),
    "finality_communicated": gettext_lazy("Final removal order %(reference)s"),
    "finality_corrected": gettext_lazy("Removal order %(reference)s is not final"),
    "scrutiny": gettext_lazy("Scrutiny of removal order %(reference)s"),
    "scrutiny_announced": gettext_lazy("Removal order %(reference)s may be found unlawful"),
    "scrutiny_decided": gettext_lazy("Removal order %(reference)s stands after scrutiny"),
    "scrutiny_communicated": gettext_lazy("Decision on removal order %(reference)s"),
    "scrutiny_missed": gettext_lazy("Scrutiny of removal order %(reference)s is OVERDUE"),
    "referral": gettext_lazy("Referral %(reference)s (voluntary)"),
    "referrals": gettext_lazy("Referrals (voluntary): %(count)s"),
    "referral_explained": gettext_lazy("Referral %(reference)s: the context that you asked for"),
    "referral_question": gettext_lazy("Referral %(reference)s: the provider asks for context"),
    "referral_answer": gettext_lazy("%(by)s answered a referral"),
    "referral_withdrawn": gettext_lazy("Referral %(reference)s is withdrawn"),
    "referral_freed": gettext_lazy("A hold is over: look at your referral again"),
    "referral_overlap": gettext_lazy("Somebody else acts on what you referred"),
    "hold_met": gettext_lazy("A referral waits for your hold"),
    "hold_ordered": gettext_lazy("A removal order was issued for content under your hold"),
    "hold_overridden": gettext_lazy("A referral was sent over your hold"),
}

TEXTS: Mapping[str, Words] = {
    "order_information": gettext_lazy(
        "%(by)s tells you how removal orders under Regulation (EU) 2021/784 work, as it has not"
        " sent you one before. Read it: an order may follow in twelve hours."
    ),
    "order": gettext_lazy(
        "%(by)s orders you to remove content, or to disable access to it in all Member States,"
        " within one hour of receipt (Regulation (EU) 2021/784, Article 3). It binds. If you cannot"
        " execute it, say so at once and why."
    ),
    "order_entered": gettext_lazy(
        "%(by)s entered a removal order that was made elsewhere and names you. Compare it with your"
        " records. Confirm it, or say that it is not right."
    ),
    "entry_answered": gettext_lazy(
        "%(by)s confirmed the order that you entered by hand, or says that it is not right."
    ),
    "order_copy": gettext_lazy(
        "%(by)s ordered a provider in your State to remove content, and sends you this copy. You"
        " may examine the order within 72 hours."
    ),
    "order_executed": gettext_lazy("%(by)s removed the content, or disabled access to it."),
    "order_suspended": gettext_lazy(
        "%(by)s says why it cannot execute it, and the clock stands still. Clarify or correct it."
    ),
    "order_resumed": gettext_lazy(
        "%(by)s clarified it, or its ground has ended. The hour begins anew."
    ),
    "order_missed": gettext_lazy(
        "No answer has come within the hour. Whoever is late may still answer, and should."
    ),
    "order_ended": gettext_lazy(
        "%(by)s took its effect away. Content that was removed because of it is to be reinstated at"
        " once; agents let go of it by themselves. You may still enforce your own terms (Art."
        " 4(7))."
    ),
    "order_prolonged": gettext_lazy(
        "%(by)s asks you not to tell the content provider of it for longer: see until when."
    ),
    "order_overlapped": gettext_lazy(
        "%(others)s issued an order for the same address or the same content. Contact each other:"
        " neither of you can see the other's order here."
    ),
    "order_reinstated": gettext_lazy("%(by)s says that the content is there again."),
    "order_appealed": gettext_lazy(
        "%(by)s recorded an appeal. The order stays in effect, and is not final until the appeal is"
        " decided (Article 3(9))."
    ),
    "appeal_decided": gettext_lazy("%(by)s recorded the outcome of an appeal."),
    "appeal_expired": gettext_lazy(
        "No open appeal is recorded. Check with the courts, and record that the order is final, or"
        " record the appeal (Article 3(9))."
    ),
    "order_final": gettext_lazy("%(by)s recorded that it is final (Article 3(9))."),
    "finality_communicated": gettext_lazy(
        "%(by)s informs you under Article 3(9) that a removal order to a provider in your Member"
        " State is final."
    ),
    "finality_corrected": gettext_lazy(
        "%(by)s had informed you that it is final. An appeal was lodged in time, or it was"
        " overturned. Do not count it (Article 5(4))."
    ),
    "scrutiny": gettext_lazy(
        "Somebody asked for the order to be examined, or %(by)s examines it. The decision is due"
        " within 72 hours."
    ),
    "scrutiny_announced": gettext_lazy(
        "%(by)s intends to find that it infringes the Regulation or fundamental rights. Say what"
        " you hold against that, soon."
    ),
    "scrutiny_decided": gettext_lazy("%(by)s examined it and found no infringement."),
    "scrutiny_communicated": gettext_lazy(
        "%(by)s examined a removal order of another Member State. Its reasoned decision is sent to"
        " you under Article 4(6)."
    ),
    "scrutiny_missed": gettext_lazy(
        "72 hours are over without a reasoned decision. If somebody asked for the scrutiny, decide"
        " now."
    ),
    "referral": gettext_lazy(
        "%(by)s asks you to look at content under your own terms. This is no removal order: you are"
        " not obliged to act, and no time limit runs."
    ),
    "referrals": gettext_lazy(
        "%(by)s asks you to look at content under your own terms: %(first)s to %(last)s. These are"
        " no removal orders: you are not obliged to act, and no time limit runs."
    ),
    "referral_explained": gettext_lazy("%(by)s answered what you had asked. It stays voluntary."),
    "referral_question": gettext_lazy(
        "%(by)s needs to know more before it decides. Read what it asks, and answer or withdraw."
    ),
    "referral_answer": gettext_lazy("See what became of it, and of others since."),
    "referral_withdrawn": gettext_lazy(
        "%(by)s withdrew it. Look again at what you did because of it."
    ),
    "referral_freed": gettext_lazy(
        "It was not sent while the hold stood, and is not sent by itself. Send it, or decide not"
        " to."
    ),
    "referral_overlap": gettext_lazy(
        "%(by)s refers the same content, or asks that it be left alone. Talk to each other; neither"
        " sees the other's case here."
    ),
    "hold_met": gettext_lazy(
        "%(by)s would refer what you hold. It waits: lift the hold as soon as you can."
    ),
    "hold_ordered": gettext_lazy(
        "%(by)s ordered that the content be removed. A hold does not delay an order. Call them."
    ),
    "hold_overridden": gettext_lazy(
        "%(by)s sent it in an emergency, and gave its reason. Call them."
    ),
}
