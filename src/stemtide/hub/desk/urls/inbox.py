# SPDX-License-Identifier: Apache-2.0
"""URLs of a provider's inbox and of re-checks."""

from django.urls import path

from stemtide.hub.desk import rechecks
from stemtide.hub.desk.inbox import (
    batches,
    referral,
    views,
)

urlpatterns = [
    path("inbox", views.inbox, name="inbox"),
    path("inbox/_blocks", views.blocks, name="inbox-blocks"),
    path("inbox/several", batches.answer_several, name="inbox-several"),
    path("inbox/referrals/<uuid:uid>", referral.referral, name="inbox-referral"),
    path("inbox/referrals/<uuid:uid>/_blocks", referral.blocks, name="inbox-referral-blocks"),
    path(
        "inbox/referrals/<uuid:uid>/do/<slug:verb>",
        referral.act,
        name="inbox-referral-act",
    ),
    path("inbox/batches/<uuid:uid>", batches.batch_page, name="inbox-batch"),
    path("inbox/batches/<uuid:uid>/_blocks", batches.batch_blocks, name="inbox-batch-blocks"),
    path("inbox/batches/<uuid:uid>/do/<slug:verb>", batches.batch_act, name="inbox-batch-act"),
    path("rechecks", rechecks.rechecks, name="rechecks"),
    path("rechecks/_list", rechecks.blocks, name="rechecks-blocks"),
    path("rechecks/<uuid:uid>", rechecks.recheck, name="recheck"),
    path("rechecks/<uuid:uid>/visit", rechecks.ask, name="recheck-visit"),
]
